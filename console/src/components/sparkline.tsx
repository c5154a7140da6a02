/** A row's volume of the last days, as wide as a word. */
import { pathOf } from "./sparkline-model";

const WIDTH = 84;
const HEIGHT = 22;

export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const { line, area } = pathOf(values, WIDTH, HEIGHT);
  if (!line) return null;
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} className="tp-spark">
      <path d={area} className="tp-spark-area" />
      <path d={line} fill="none" strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
