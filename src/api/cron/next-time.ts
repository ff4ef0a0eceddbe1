import type { CronSchedule } from './schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A schedule that does not come in so many years never comes: the 30th of February. */
const MAX_YEARS = 5;

interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/**
 * The first moment after `afterMs` at which a schedule fires, by the clocks of `timeZone`; undefined where it never does. Where clocks are put forward, what lies in the gap is
 * left out; where they are put back, what lies in the hour that comes twice fires twice (as upstream's library has it). In ms since the epoch.
 */
export function nextTime(schedule: CronSchedule, timeZone: string, afterMs: number): number | undefined {
  if (schedule.kind === 'every') return Math.floor(afterMs / 1000) * 1000 + schedule.seconds * 1000;
  let at = Math.floor(afterMs / MINUTE) * MINUTE + MINUTE;
  const lastYear = localTime(at, timeZone).year + MAX_YEARS;
  for (;;) {
    const local = localTime(at, timeZone);
    if (local.year > lastYear) return undefined;
    if (!schedule.month.values.has(local.month)) at = nextMidnight(at, timeZone, local, daysLeft(local));
    else if (!isDay(schedule, local)) at = nextMidnight(at, timeZone, local, 1);
    else if (!schedule.hour.values.has(local.hour)) at += HOUR - local.minute * MINUTE;
    else if (!schedule.minute.values.has(local.minute)) at += MINUTE;
    else return at;
  }
}

/** Day of month and day of week narrow each other, but where both are given either will do. */
function isDay(
  { dayOfMonth, dayOfWeek }: Extract<CronSchedule, { readonly kind: 'calendar' }>,
  { day, weekday }: LocalTime,
): boolean {
  const byMonth = dayOfMonth.values.has(day);
  const byWeek = dayOfWeek.values.has(weekday);
  return dayOfMonth.any || dayOfWeek.any ? byMonth && byWeek : byMonth || byWeek;
}

/** The beginning of the day that is `days` from now, or its first hour that there is. */
function nextMidnight(at: number, timeZone: string, { hour, minute }: LocalTime, days: number): number {
  const there = at + days * 24 * HOUR - hour * HOUR - minute * MINUTE;
  const landed = localTime(there, timeZone);
  // clocks were put forward or back on the way
  if (landed.hour > 12) return there + (24 - landed.hour) * HOUR - landed.minute * MINUTE;
  return there - landed.hour * HOUR - landed.minute * MINUTE > at ? backTo(there, landed, timeZone) : there;
}

/** Back to midnight, unless there was none that day. */
function backTo(there: number, { hour, minute, day }: LocalTime, timeZone: string): number {
  const midnight = there - hour * HOUR - minute * MINUTE;
  return localTime(midnight, timeZone).day === day ? midnight : there;
}

function daysLeft({ year, month, day }: LocalTime): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate() - day + 1;
}

function localTime(ms: number, timeZone: string): LocalTime {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(ms)) parts[type] = value;
  return {
    year: Number(parts['year']),
    month: Number(parts['month']),
    day: Number(parts['day']),
    weekday: WEEKDAYS.indexOf(parts['weekday'] ?? ''),
    hour: Number(parts['hour']),
    minute: Number(parts['minute']),
  };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = FORMATS.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    calendar: 'gregory',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    weekday: 'short',
    hour: 'numeric',
    minute: 'numeric',
  });
  FORMATS.set(timeZone, made);
  return made;
}
