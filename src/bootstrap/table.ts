/** Columns are ten wide at least and three apart, as Go's tabwriter makes them for kubeadm; the last is as it is. */
const LEAST_WIDTH = 10;
const GAP = 3;

/** Rows of cells as lines of text. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.slice(0, -1).forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? LEAST_WIDTH, cell.length + GAP);
    });
  return rows
    .map(row => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('')}\n`)
    .join('');
}
