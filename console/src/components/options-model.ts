/** Which of many options are shown for what was typed; pure. */

/** The first `most` options that hold the text, those that begin with it before the others, and how many more do. */
export function foundOptions<Option extends { label: string }>(options: readonly Option[], text: string, most: number): { shown: Option[]; left: number } {
  const wanted = text.trim().toLowerCase();
  const begin: Option[] = [];
  const hold: Option[] = [];
  for (const option of options) {
    const at = option.label.toLowerCase().indexOf(wanted);
    if (at === 0) begin.push(option);
    else if (at > 0) hold.push(option);
  }
  const found = [...begin, ...hold];
  return { shown: found.slice(0, most), left: Math.max(0, found.length - most) };
}
