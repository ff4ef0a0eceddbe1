/** The value below which `share` of the sorted values lie (nearest rank). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? Number.NaN;
}

export interface Row {
  readonly what: string;
  readonly unit: 'ms' | 'MB';
  readonly gantry: number;
  readonly peer: number;
  /** The ratio that is aimed at; undefined for figures without a goal. */
  readonly goal?: number;
}

/** A markdown table of ratios. It judges nothing: a goal that is missed is said in its row. */
export function table(title: string, peer: string, rows: readonly Row[]): string {
  const figure = (value: number, unit: string): string =>
    `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `### ${title}`,
    '',
    line(['what', 'gantry', peer, 'ratio', 'goal']),
    line(['---', '--:', '--:', '--:', '--:']),
    ...rows.map(row => {
      const ratio = row.gantry / row.peer;
      const goal = row.goal === undefined ? '' : `${row.goal}x ${ratio <= row.goal ? 'met' : 'missed'}`;
      return line([row.what, figure(row.gantry, row.unit), figure(row.peer, row.unit), `${ratio.toFixed(2)}x`, goal]);
    }),
    '',
  ].join('\n');
}
