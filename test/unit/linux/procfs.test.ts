import { describe, expect, it } from 'vitest';
import { heedsSignal, parseProcessStat } from '../../../src/linux/procfs.ts';

const line = (name: string, state: string): string =>
  `42 (${name}) ${state} 7 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 4096 100 18446744073709551615`;

describe('parseProcessStat', () => {
  it.each([
    ['an ordinary name', 'sleep'],
    ['a name with spaces and parentheses', 'a) R 1 (b'],
    ['an empty name', ''],
  ])('reads the fields after %s', (_sentence, name) => {
    expect(parseProcessStat(line(name, 'S'))).toEqual({ state: 'S', ppid: 7, startTime: 987654 });
  });
});

describe('heedsSignal', () => {
  const status = (blocked: string, caught: string): string =>
    `Name:\ttop\nSigBlk:\t${blocked}\nSigIgn:\t0000000000004000\nSigCgt:\t${caught}\nCapInh:\t0\n`;

  it.each([
    ['a handler', status('0000000000000000', '0000000000004002'), true],
    ['a signal that is kept for later', status('0000000000004000', '0000000000000000'), true],
    ['handlers of other signals', status('0000000000000001', '0000000000002002'), false],
    ['a signal that is ignored', status('0000000000000000', '0000000000000000'), false],
    ['a text that says nothing', '', false],
  ])('of SIGTERM with %s', (_what, text, expected) => {
    expect(heedsSignal(text, 15)).toBe(expected);
  });
});
