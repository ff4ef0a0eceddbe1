import { describe, expect, it } from 'vitest';
import { canonicalDuration, durationMs, parseDuration } from '../../../src/api/duration.ts';
import { cpuMs } from '../../harness/cpu-time.ts';

describe('durations as Go writes them', () => {
  it.each([
    ['seconds over sixty become minutes', '90s', '1m30s'],
    ['hours are written with minutes and seconds', '4h', '4h0m0s'],
    ['a fraction of a second stays one', '1.5s', '1.5s'],
    ['below a second the unit gets smaller', '0.25s', '250ms'],
    ['microseconds get their sign', '1500ns', '1.5µs'],
    ['zero needs no unit', '0', '0s'],
    ['parts add up', '1h0.5m.5s', '1h0m30.5s'],
    ['a sign stands for the whole', '-1m1s', '-1m1s'],
  ])('%s: %s is %s', (_, text, canonical) => {
    expect(canonicalDuration(text)).toBe(canonical);
  });

  it.each([
    ['', 'time: invalid duration ""'],
    ['5', 'time: missing unit in duration "5"'],
    ['5d', 'time: unknown unit "d" in duration "5d"'],
    ['s', 'time: invalid duration "s"'],
    ['3000000h', 'time: invalid duration "3000000h"'],
    ['1!', 'time: unknown unit "!" in duration "1!"'],
    ['.s', 'time: invalid duration ".s"'],
    ['1.2.3s', 'time: missing unit in duration "1.2.3s"'],
    [`${'9'.repeat(101)}s`, 'time: invalid duration'],
  ])('%s is refused with the text of Go', (text, message) => {
    expect(() => parseDuration(text)).toThrow(message);
  });

  it('is read in no time however a client writes it', () => {
    const texts = [`${'1'.repeat(40)}!`, `${'1'.repeat(100_000)}!`, '1.'.repeat(50_000)];
    const all = () => {
      for (const text of texts) expect(() => parseDuration(text)).toThrow('time: ');
    };
    expect(cpuMs(all)).toBeLessThan(1000);
  });

  it('gives milliseconds for timers', () => {
    expect(durationMs('1m30s')).toBe(90_000);
    expect(durationMs('1500us')).toBe(1.5);
  });
});
