import { type GantryError, invalidArgument } from '../base/errors.ts';

/** Go's durations as text: `1h2m3.5s`, `-250ms`. */

const NANOSECONDS = new Map([
  ['ns', 1n],
  ['us', 1000n],
  ['µs', 1000n],
  ['μs', 1000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);
const MAX_INT64 = 2n ** 63n - 1n;
/** Digits that a number may have, zeros at its front too: more is no duration, and long numbers take long to read. */
const MAX_WHOLE = 100;

/** Nanoseconds of a duration. Throws `invalid-argument` with Go's text. */
export function parseDuration(text: string): bigint {
  const invalid = (): GantryError => invalidArgument(`time: invalid duration ${JSON.stringify(text)}`);
  const isSigned = text.startsWith('-') || text.startsWith('+');
  const rest = isSigned ? text.slice(1) : text;
  if (rest === '0') return 0n;
  if (rest === '') throw invalid();
  let total = 0n;
  // part by part: one pattern for the whole has exponentially many ways to divide a row of digits
  const part = /(\d*)(?:\.(\d*))?([^.\d]*)/y;
  while (part.lastIndex < rest.length) {
    const [, whole = '', fraction = '', unit = ''] = part.exec(rest) ?? [];
    if (whole === '' && fraction === '') throw invalid();
    if (whole.length > MAX_WHOLE) throw invalid();
    if (unit === '') throw invalidArgument(`time: missing unit in duration ${JSON.stringify(text)}`);
    const nanoseconds = NANOSECONDS.get(unit);
    if (nanoseconds === undefined)
      throw invalidArgument(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    const digits = fraction.slice(0, 18);
    total += BigInt(whole || '0') * nanoseconds + (BigInt(digits || '0') * nanoseconds) / 10n ** BigInt(digits.length);
    if (total > MAX_INT64) throw invalid();
  }
  return text.startsWith('-') ? -total : total;
}

/** The text that Go writes for a number of nanoseconds: `1m30s`, `1.5s`, `100ms`, `0s`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  const sign = nanoseconds < 0n ? '-' : '';
  const total = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (total < 1000n) return `${sign}${total}ns`;
  if (total < 1_000_000n) return `${sign}${decimal(total, 1000n, 3)}µs`;
  if (total < 1_000_000_000n) return `${sign}${decimal(total, 1_000_000n, 6)}ms`;
  const seconds = `${decimal(total % 60_000_000_000n, 1_000_000_000n, 9)}s`;
  const minutes = total / 60_000_000_000n;
  if (minutes === 0n) return sign + seconds;
  return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, unit: bigint, digits: number): string {
  const fraction = (value % unit).toString().padStart(digits, '0').replace(/0+$/, '');
  return fraction === '' ? `${value / unit}` : `${value / unit}.${fraction}`;
}

/** The text that upstream would write for a text. */
export function canonicalDuration(text: string): string {
  return formatDuration(parseDuration(text));
}

/** Milliseconds of a duration field, with the fraction. Throws `invalid-argument` with Go's text. */
export function durationMs(text: string): number {
  return Number(parseDuration(text)) / 1e6;
}
