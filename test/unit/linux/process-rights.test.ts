import { describe, expect, it } from 'vitest';
import { CAPABILITY_NAMES, parseCapabilities } from '../../../src/linux/capabilities.ts';
import { withDescendants } from '../../../src/linux/process-tree.ts';
import { parseHardRlimits } from '../../../src/linux/rlimits.ts';
import { signalName, signalNumber } from '../../../src/linux/signal-numbers.ts';

describe('capability masks', () => {
  it('name the bits that are set', () => {
    const { effective, bounding } = parseCapabilities('CapEff:\t000001fffeffffff\nCapBnd:\t0000000000002001\n');
    expect(CAPABILITY_NAMES).toHaveLength(41);
    expect(effective).toEqual(CAPABILITY_NAMES.filter(name => name !== 'CAP_SYS_RESOURCE'));
    expect(bounding).toEqual(['CAP_CHOWN', 'CAP_NET_RAW']);
  });
});

describe('limits', () => {
  it('are the hard ones; what is unlimited has none', () => {
    const text =
      'Limit                     Soft Limit           Hard Limit           Units     \n' +
      'Max open files            1024                 20000                files     \n' +
      'Max stack size            8388608              unlimited            bytes     \n' +
      'Max nice priority         0                    0                    \n';
    expect([...parseHardRlimits(text)]).toEqual([
      ['RLIMIT_NOFILE', 20000],
      ['RLIMIT_NICE', 0],
    ]);
  });
});

describe('signals', () => {
  it.each([
    ['SIGTERM', 15],
    ['term', 15],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['RTMAX-14', 50],
    ['SIGRTMIN', 34],
    ['SIGPOLL', 29],
    ['SIGNOPE', undefined],
    ['SIGRTMIN+31', undefined],
    ['0', undefined],
    ['65', undefined],
  ])('%s is %s', (text, number) => {
    expect(signalNumber(text)).toBe(number);
  });

  it('have one usual name each', () => {
    expect([15, 6, 37, 32].map(signalName)).toEqual(['SIGTERM', 'SIGABRT', 'SIGRTMIN+3', '32']);
  });
});

describe('process trees', () => {
  it('give the roots and all below, once', () => {
    const row = (pid: number, ppid: number) => ({ pid, ppid, startTime: pid, session: 1 });
    const tree = [row(1, 0), row(2, 1), row(3, 2), row(4, 3), row(5, 1)];
    expect(withDescendants(tree, new Set([2, 3])).map(p => p.pid)).toEqual([2, 3, 4]);
  });
});
