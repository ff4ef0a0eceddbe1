import { describe, expect, it } from 'vitest';
import { canonicalMicroTime, canonicalTime, timeOf } from '../../../src/api/time.ts';

describe('times as the API writes them', () => {
  it.each([
    ['a time in UTC stays', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
    ['a zone is taken out', '2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05Z'],
    ['a fraction is cut', '2026-01-02T03:04:05.999Z', '2026-01-02T03:04:05Z'],
    ['an hour of one digit gets two', '2026-01-02T3:04:05Z', '2026-01-02T03:04:05Z'],
  ])('%s', (_, text, canonical) => {
    expect(canonicalTime(text)).toBe(canonical);
  });

  it.each([
    ['2026-01-02', 'parsing time "2026-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
    ['2026-02-30T00:00:00Z', 'parsing time "2026-02-30T00:00:00Z": day out of range'],
    ['2026-01-02T24:00:00Z', 'parsing time "2026-01-02T24:00:00Z": hour out of range'],
    ['0000-01-01T00:00:00+24:00', 'parsing time "0000-01-01T00:00:00+24:00": year outside of range [0,9999]'],
    ['9999-12-31T23:59:59-00:01', 'parsing time "9999-12-31T23:59:59-00:01": year outside of range [0,9999]'],
    ['now', 'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"'],
    [
      '2026-01-02T03:04:05',
      'parsing time "2026-01-02T03:04:05" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"',
    ],
    ['2026-01-02T03:04:05+25:00', 'parsing time "2026-01-02T03:04:05+25:00": time zone offset hour out of range'],
    ['2026-01-02T03:04:05Zx', 'parsing time "2026-01-02T03:04:05Zx": extra text: "x"'],
  ])('%s is no time', (text, message) => {
    expect(() => canonicalTime(text)).toThrow(message);
  });

  it('a MicroTime has exactly six digits', () => {
    expect(canonicalMicroTime('2026-01-02T03:04:05.123456+01:00')).toBe('2026-01-02T02:04:05.123456Z');
    expect(() => canonicalMicroTime('2026-01-02T03:04:05Z')).toThrow('cannot parse "Z" as ".000000"');
  });
});

describe('the Time of an instant', () => {
  it.each([
    ['a whole second', Date.UTC(2026, 0, 2, 3, 4, 5), '2026-01-02T03:04:05Z'],
    ['a fraction is cut', Date.UTC(2026, 0, 2, 3, 4, 5, 999), '2026-01-02T03:04:05Z'],
    ['the next second', Date.UTC(2026, 0, 2, 3, 4, 6), '2026-01-02T03:04:06Z'],
    ['an instant before the last one', Date.UTC(1969, 11, 31, 23, 59, 59, 1), '1969-12-31T23:59:59Z'],
  ])('%s', (_, ms, expected) => {
    expect(timeOf(ms)).toBe(expected);
  });
});
