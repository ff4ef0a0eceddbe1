import { describe, expect, it } from 'vitest';
import { hostServiceStatus } from '../../../../src/local-cluster/host/inside.ts';
import { parseSupervisedStatus, runScript } from '../../../../src/local-cluster/host/supervise.ts';

describe('runScript', () => {
  it('keeps every word literal', () => {
    expect(runScript(['/bin/echo', "it's", '$HOME `x` "y"'], { A: "b'c" })).toBe(
      "#!/bin/sh\nexec 2>&1\nexport A='b'\\''c'\nexec '/bin/echo' 'it'\\''s' '$HOME `x` \"y\"'\n",
    );
  });

  it('refuses what is no variable name', () => {
    expect(() => runScript(['true'], { 'A;B': '1' })).toThrow('"A;B" is not an environment variable name');
  });
});

describe('what runsv tells of a daemon', () => {
  /** As runsv 2.1.2 wrote it: of a daemon with the pid 4242 that runs since 2023-11-14T22:13:20.5Z. */
  const running = Buffer.from('400000006553f10a1dcd650092100000007500 01'.replaceAll(' ', ''), 'hex');
  const changed = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(running);
    bytes[at] = value;
    return bytes;
  };
  const statusOf = (bytes: Buffer, supervised = true) =>
    hostServiceStatus(true, supervised, parseSupervisedStatus(bytes));

  it('is since when, by which process, and what is wanted', () => {
    expect(parseSupervisedStatus(running)).toEqual({
      since: Date.parse('2023-11-14T22:13:20.5Z'),
      pid: 4242,
      wanted: true,
      ending: false,
    });
    expect(parseSupervisedStatus(Buffer.alloc(18))).toBeUndefined();
  });

  it.each([
    ['running', running],
    ['stopping', changed(18, 1)],
    ['stopping', changed(17, 'd'.charCodeAt(0))],
    ['restarting', changed(19, 0)],
    ['restarting', changed(19, 2)],
  ])('is %s', (state, bytes) => {
    expect(statusOf(bytes).state).toBe(state);
  });

  it('is stopped where it is not to run, failed where nobody heeds it, absent where nobody ever did', () => {
    const down = changed(19, 0);
    down[17] = 'd'.charCodeAt(0);
    expect(statusOf(down)).toMatchObject({ state: 'stopped', pid: undefined });
    expect(statusOf(running, false)).toMatchObject({ state: 'failed', pid: undefined });
    expect(hostServiceStatus(false, true, undefined).state).toBe('absent');
  });
});
