/** The shape of a sparkline; pure. */

/** A line through the values and the area under it; empty where there is nothing to show. */
export function pathOf(values: readonly number[], width: number, height: number): { line: string; area: string } {
  const highest = Math.max(0, ...values);
  if (values.length < 2 || highest === 0) return { line: "", area: "" };
  const x = (index: number) => Math.round((index * (width - 2) * 10) / (values.length - 1)) / 10 + 1;
  const y = (value: number) => Math.round((height - 2 - (value / highest) * (height - 4)) * 10) / 10;
  const line = values.map((value, index) => `${index ? "L" : "M"}${x(index)} ${y(value)}`).join("");
  return { line, area: `${line}L${width - 1} ${height - 1}L1 ${height - 1}Z` };
}
