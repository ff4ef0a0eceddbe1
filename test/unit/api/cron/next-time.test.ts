import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextTime } from '../../../../src/api/cron/next-time.ts';
import { parseCronSchedule } from '../../../../src/api/cron/schedule.ts';

const next = (schedule: string, after: string, zone = 'UTC'): string | undefined => {
  const at = nextTime(parseCronSchedule(schedule), zone, Date.parse(after));
  return at === undefined ? undefined : new Date(at).toISOString().replace(':00.000Z', 'Z');
};

describe('the next time of a schedule', () => {
  it.each([
    ['* * * * *', '2026-03-01T10:00:00Z', '2026-03-01T10:01Z'],
    ['* * * * *', '2026-03-01T10:00:59Z', '2026-03-01T10:01Z'],
    ['*/15 * * * *', '2026-03-01T10:46:00Z', '2026-03-01T11:00Z'],
    ['30 6-16/4 * * 1-5', '2026-03-06T14:30:00Z', '2026-03-09T06:30Z'],
    ['0 0 1 1 *', '2026-03-01T10:00:00Z', '2027-01-01T00:00Z'],
    ['0 0 29 2 *', '2026-03-01T10:00:00Z', '2028-02-29T00:00Z'],
    ['0 12 13 * 5', '2026-03-01T10:00:00Z', '2026-03-06T12:00Z'],
    ['0 12 13 * *', '2026-03-01T10:00:00Z', '2026-03-13T12:00Z'],
    ['0 12 */2 * 5', '2026-03-01T10:00:00Z', '2026-03-01T12:00Z'],
    ['0 0 31 2 *', '2026-03-01T10:00:00Z', undefined],
    ['@hourly', '2026-03-01T10:00:00Z', '2026-03-01T11:00Z'],
    ['@every 90s', '2026-03-01T10:00:00Z', '2026-03-01T10:01:30.000Z'],
  ])('%s after %s is %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  it.each([
    ['by the clocks of the zone', '0 9 * * *', '2026-01-10T10:00:00Z', 'Asia/Tokyo', '2026-01-11T00:00Z'],
    [
      'what lies in the gap of spring is left out',
      '30 2 * * *',
      '2026-03-28T12:00:00Z',
      'Europe/Berlin',
      '2026-03-30T00:30Z',
    ],
    ['the day before it is as ever', '30 2 * * *', '2026-03-27T12:00:00Z', 'Europe/Berlin', '2026-03-28T01:30Z'],
    ['in autumn an hour comes twice', '30 2 * * *', '2026-10-25T00:30:00Z', 'Europe/Berlin', '2026-10-25T01:30Z'],
    ['a day without its midnight', '0 * * * *', '2026-04-23T21:59:00Z', 'Africa/Cairo', '2026-04-23T22:00Z'],
    ['half hours', '0 0 * * *', '2026-01-10T10:00:00Z', 'Asia/Kolkata', '2026-01-10T18:30Z'],
  ])('%s', (_, schedule, after, zone, expected) => {
    expect(next(schedule, after, zone)).toBe(expected);
  });

  it('is the first minute that fits, whatever the schedule', () => {
    const field = (low: number, high: number) =>
      fc.oneof(fc.constant('*'), fc.integer({ min: low, max: high }).map(String));
    fc.assert(
      fc.property(
        field(0, 59),
        field(0, 23),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
        fc.integer({ min: 0, max: 365 * 24 * 60 }),
        (minute, hour, zone, offset) => {
          const after = Date.UTC(2026, 0, 1) + offset * 60_000;
          const found = nextTime(parseCronSchedule(`${minute} ${hour} * * *`), zone, after) ?? 0;
          const shown = new Intl.DateTimeFormat('en-GB', {
            timeZone: zone,
            hour: '2-digit',
            minute: '2-digit',
            hourCycle: 'h23',
          });
          const fits = (ms: number): boolean => {
            const [h = '', m = ''] = shown.format(ms).split(':');
            return (minute === '*' || Number(m) === Number(minute)) && (hour === '*' || Number(h) === Number(hour));
          };
          let expected = after + 60_000;
          while (!fits(expected)) expected += 60_000;
          expect(found).toBe(expected);
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });
});
