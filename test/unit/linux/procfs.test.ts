import { describe, expect, it } from 'vitest';
import { parseProcessStat } from '../../../src/linux/procfs.ts';

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
