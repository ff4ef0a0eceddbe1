import { describe, expect, it } from 'vitest';
import { criSignalName, criSignalValue } from '../../../src/cri/cri-signal.ts';
import { signalNumber } from '../../../src/linux/signal-numbers.ts';

describe('CRI signals', () => {
  it.each([
    [0, undefined],
    [23, 'SIGTERM'],
    [13, 'SIGKILL'],
    [18, 'SIGQUIT'],
    [35, 'SIGRTMIN+0'],
    [50, 'SIGRTMIN+15'],
    [51, 'SIGRTMAX-14'],
    [65, 'SIGRTMAX-0'],
    [66, undefined],
    [-1, undefined],
  ] as const)('%d is %s', (value: number, name) => expect(criSignalName(value)).toBe(name));

  it.each([
    ['SIGTERM', 23],
    ['term', 23],
    ['15', 23],
    ['RTMIN+3', 38],
    ['SIGRTMAX', 65],
    ['SIGRTMAX-14', 51],
    ['SIGNONE', 0],
  ] as const)('%s is the CRI value %d', (text, value) => expect(criSignalValue(text)).toBe(value));

  it('every value leads to a signal and back to one of the same number', () => {
    for (let value = 1; value <= 65; value += 1) {
      const name = criSignalName(value) ?? '';
      const back = criSignalName(criSignalValue(name)) ?? '';
      expect([value, signalNumber(back)]).toEqual([value, signalNumber(name)]);
      expect(signalNumber(name)).toBeGreaterThan(0);
    }
  });
});
