import { errorMessage } from '../../base/errors.ts';
import { durationMs } from '../duration.ts';

/** One field of a schedule: the values at which it fires. `any` where it was a star: day of month and of week then do not narrow each other. */
export interface CronField {
  readonly values: ReadonlySet<number>;
  readonly any: boolean;
}

/** A parsed schedule in standard five-field notation. */
export type CronSchedule =
  | {
      readonly kind: 'calendar';
      readonly minute: CronField;
      readonly hour: CronField;
      readonly dayOfMonth: CronField;
      readonly month: CronField;
      readonly dayOfWeek: CronField;
    }
  | { readonly kind: 'every'; readonly seconds: number };

/** A schedule that cannot be read. The message is what upstream's parser says. */
export class CronSyntaxError extends Error {}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** Parses a schedule. A time zone in front (`TZ=` or `CRON_TZ=`) is checked and is not part of what is returned. */
export function parseCronSchedule(text: string): CronSchedule {
  if (text === '') throw new CronSyntaxError('empty spec string');
  const spec = withoutTimeZone(text);
  if (spec.startsWith('@every ')) return parseEvery(spec);
  const written = spec.startsWith('@') ? DESCRIPTORS[spec] : spec;
  if (written === undefined) throw new CronSyntaxError(`unrecognized descriptor: ${spec}`);
  const fields = written.split(/\s+/).filter(field => field !== '');
  if (fields.length !== 5)
    throw new CronSyntaxError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields;
  return {
    kind: 'calendar',
    minute: parseField(minute, 0, 59, []),
    hour: parseField(hour, 0, 23, []),
    dayOfMonth: parseField(dayOfMonth, 1, 31, []),
    month: parseField(month, 1, 12, MONTHS),
    dayOfWeek: parseField(dayOfWeek, 0, 6, DAYS),
  };
}

function withoutTimeZone(text: string): string {
  if (!text.startsWith('TZ=') && !text.startsWith('CRON_TZ=')) return text;
  const end = text.indexOf(' ');
  // Upstream's parser fails at this place, and its server shows that failure.
  if (end < 0) throw new CronSyntaxError('invalid schedule format: runtime error: slice bounds out of range [:-1]');
  const zone = text.slice(text.indexOf('=') + 1, end);
  if (zone.includes('..') || /^[/\\]/.test(zone))
    throw new CronSyntaxError(`provided bad location ${zone}: time: invalid location name`);
  if (zone !== '' && !isTimeZone(zone))
    throw new CronSyntaxError(`provided bad location ${zone}: unknown time zone ${zone}`);
  return text.slice(end).trim();
}

const ZONES = new Map(Intl.supportedValuesOf('timeZone').map(zone => [zone.toLowerCase(), zone]));

/**
 * True for a name of the time zone database, in its own spelling. The runtime takes any; of the names that are only
 * another name for a zone it does not tell the spelling, and each part of those begins with a capital letter.
 */
export function isTimeZone(name: string): boolean {
  if (name === 'Local') return true;
  const known = ZONES.get(name.toLowerCase());
  if (known !== undefined) return known === name;
  if (!name.split('/').every(part => /^[A-Z]/.test(part))) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** True where the text names a time zone itself. */
export function hasTimeZone(text: string): boolean {
  return text.includes('TZ');
}

function parseEvery(spec: string): CronSchedule {
  const duration = spec.slice('@every '.length);
  try {
    return { kind: 'every', seconds: Math.max(1, Math.trunc(durationMs(duration) / 1000)) };
  } catch (error) {
    throw new CronSyntaxError(`failed to parse duration ${spec}: ${errorMessage(error)}`);
  }
}

function parseField(text: string, low: number, high: number, names: readonly string[]): CronField {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter(piece => piece !== '')) {
    const range = parseRange(part, low, high, names);
    any ||= range.any;
    for (let value = range.from; value <= range.to; value += range.step) values.add(value);
  }
  return { values, any };
}

function parseRange(text: string, low: number, high: number, names: readonly string[]) {
  const [span = '', stepText, ...more] = text.split('/');
  const [fromText = '', toText, ...others] = span.split('-');
  if (more.length > 0) throw new CronSyntaxError(`too many slashes: ${text}`);
  const star = fromText === '*' || fromText === '?';
  if (others.length > 0) throw new CronSyntaxError(`too many hyphens: ${text}`);
  const from = star ? low : parseNumber(fromText, low, names);
  const end = toText === undefined ? from : parseNumber(toText, low, names);
  const step = stepText === undefined ? 1 : parseNumber(stepText, 0, []);
  // `5/15` means from 5 to the end.
  const to = star || (toText === undefined && stepText !== undefined) ? high : end;
  if (from < low) throw new CronSyntaxError(`beginning of range (${from}) below minimum (${low}): ${text}`);
  if (to > high) throw new CronSyntaxError(`end of range (${to}) above maximum (${high}): ${text}`);
  if (from > to) throw new CronSyntaxError(`beginning of range (${from}) beyond end of range (${to}): ${text}`);
  if (step === 0) throw new CronSyntaxError(`step of range should be a positive number: ${text}`);
  return { from, to, step, any: star && step === 1 };
}

function parseNumber(text: string, low: number, names: readonly string[]): number {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + low;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  if (/^-[0-9]+$/.test(text)) throw new CronSyntaxError(`negative number (${text}) not allowed: ${text}`);
  throw new CronSyntaxError(
    `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
