import { invalidArgument } from '../base/errors.ts';
import { goTimeError } from './go-time-error.ts';

/** RFC 3339 times as the API writes them: in UTC, to the second (Time) or the microsecond (MicroTime). */

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-](?:[01]\d|2[0-4]):[0-5]\d)$/;

const FIRST_MS = Date.parse('0000-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59Z');

interface Instant {
  /** Milliseconds of the whole second. */
  readonly epochMs: number;
  /** Six digits of the fraction. */
  readonly micros: string;
}

function parse(text: string): Instant {
  const match = RFC3339.exec(text);
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', zone = ''] =
    match ?? [];
  // Go takes an hour of one digit
  const plain = `${year}-${month}-${day}T${hour.padStart(2, '0')}:${minute}:${second}`;
  const utc = Date.parse(`${plain}Z`);
  // Date rolls the 31st of April over into May; a time that does not come back as it went in is refused.
  if (match === null || Number.isNaN(utc) || new Date(utc).toISOString().slice(0, 19) !== plain)
    throw invalidArgument(goTimeError(text, false));
  const epochMs = utc - zoneMinutes(zone) * 60_000;
  // Four digits of a year are all that can be written, and a client that meets more cannot read the whole list.
  if (epochMs < FIRST_MS || epochMs > LAST_MS)
    throw invalidArgument(`parsing time ${JSON.stringify(text)}: year outside of range [0,9999]`);
  return { epochMs, micros: fraction.slice(0, 6).padEnd(6, '0') };
}

function zoneMinutes(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return zone.startsWith('-') ? -minutes : minutes;
}

let lastSecond = Number.NaN;
let lastText = '';

/** The Time of an instant in milliseconds; a fraction of a second is cut. What is asked again within the same second is known. */
export function timeOf(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== lastSecond) {
    lastText = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

/** `2026-01-02T15:04:05Z`; a fraction is cut. Throws `invalid-argument`. */
export function canonicalTime(text: string): string {
  return `${new Date(parse(text).epochMs).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-02T15:04:05.000000Z`; upstream takes exactly six digits of a fraction. Throws `invalid-argument`. */
export function canonicalMicroTime(text: string): string {
  if (!/:\d{2}\.\d{6}(?:Z|[+-])/.test(text)) throw invalidArgument(goTimeError(text, true));
  const instant = parse(text);
  return `${new Date(instant.epochMs).toISOString().slice(0, 19)}.${instant.micros}Z`;
}
