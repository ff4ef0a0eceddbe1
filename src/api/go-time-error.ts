/** One part of Go's layout of a time, and what may stand there. */
interface Part {
  readonly layout: string;
  readonly pattern: RegExp;
  /** The largest and smallest number, and Go's name of it. */
  readonly range?: readonly [low: number, high: number, name: string];
}

const DATE: readonly Part[] = [
  { layout: '2006', pattern: /\d{4}/y },
  { layout: '-', pattern: /-/y },
  { layout: '01', pattern: /\d{2}/y, range: [1, 12, 'month'] },
  { layout: '-', pattern: /-/y },
  { layout: '02', pattern: /\d{2}/y },
  { layout: 'T', pattern: /T/y },
  { layout: '15', pattern: /\d{1,2}/y, range: [0, 23, 'hour'] },
  { layout: ':', pattern: /:/y },
  { layout: '04', pattern: /\d{2}/y, range: [0, 59, 'minute'] },
  { layout: ':', pattern: /:/y },
  { layout: '05', pattern: /\d{2}/y, range: [0, 59, 'second'] },
];
const FRACTION: Part = { layout: '', pattern: /(?:[.,]\d+)?/y };
const MICROS: Part = { layout: '.000000', pattern: /\.\d{6}/y };
const ZONE: Part = { layout: 'Z07:00', pattern: /Z|[+-]\d{2}:\d{2}/y };

/** What Go says of a text that is no time of RFC 3339, or with `micro` none with six digits behind the second. */
export function goTimeError(text: string, micro: boolean): string {
  const quoted = JSON.stringify(text);
  const parts = [...DATE, micro ? MICROS : FRACTION, ZONE];
  let at = 0;
  for (const { layout, pattern, range } of parts) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined)
      return `parsing time ${quoted} as "2006-01-02T15:04:05${micro ? '.000000' : ''}Z07:00": cannot parse ${JSON.stringify(text.slice(at))} as ${JSON.stringify(layout)}`;
    if (range !== undefined && (Number(found) < range[0] || Number(found) > range[1]))
      return `parsing time ${quoted}: ${range[2]} out of range`;
    if (layout === ZONE.layout && Number(found.slice(1, 3)) > 24)
      return `parsing time ${quoted}: time zone offset hour out of range`;
    if (layout === ZONE.layout && Number(found.slice(4, 6)) > 59)
      return `parsing time ${quoted}: time zone offset minute out of range`;
    at += found.length;
  }
  return at < text.length
    ? `parsing time ${quoted}: extra text: ${JSON.stringify(text.slice(at))}`
    : `parsing time ${quoted}: day out of range`;
}
