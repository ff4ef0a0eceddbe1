import { describe, expect, it } from 'vitest';
import { Readiness } from '../../../src/daemon/main-loop.ts';
import { openServiceManager, watchdogBeatMs } from '../../../src/daemon/service-manager.ts';

function told(): { readonly lines: string[]; readonly readiness: (late: readonly string[]) => Readiness } {
  const lines: string[] = [];
  const manager = {
    status: (text: string) => void lines.push(text),
    ready: (text: string) => void lines.push(`READY ${text}`),
    stopping: () => {},
  };
  return { lines, readiness: late => new Readiness(manager, late) };
}

describe('Readiness', () => {
  it('is told once, when nothing is waited for any more', () => {
    const { lines, readiness } = told();
    const daemon = readiness([]);
    daemon.waitingFor(['a', 'b']);
    daemon.waitingFor(['b']);
    daemon.waitNoLonger();
    daemon.waitingFor([]);
    expect(lines).toEqual([
      'starting: waiting for a, b',
      'starting: waiting for b',
      'starting: waiting for b',
      'READY serving',
    ]);
  });

  it('does not wait for late parts for ever, and names them', () => {
    const { lines, readiness } = told();
    const daemon = readiness(['dns', 'proxy']);
    daemon.waitingFor(['dns', 'proxy']);
    daemon.waitNoLonger();
    daemon.waitingFor(['proxy']);
    daemon.waitingFor([]);
    expect(lines).toEqual([
      'starting: waiting for dns, proxy',
      'READY serving, but waiting for dns, proxy',
      'serving, but waiting for proxy',
      'serving',
    ]);
  });

  it('waits for what may not be late, however long it takes', () => {
    const { lines, readiness } = told();
    const daemon = readiness(['dns']);
    daemon.waitNoLonger();
    daemon.waitingFor(['kubelet', 'dns']);
    daemon.waitingFor(['dns']);
    expect(lines).toEqual(['starting: waiting for kubelet, dns', 'READY serving, but waiting for dns']);
  });
});

describe('watchdogBeatMs', () => {
  it.each([
    ['nothing is asked for', {}, undefined],
    ['a third of the limit', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 10_000],
    ['whoever is meant where no process is named', { WATCHDOG_USEC: '3000000' }, 1000],
    ['another process is meant', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, undefined],
    ['it is no number', { WATCHDOG_USEC: 'soon' }, undefined],
    ['it is nothing', { WATCHDOG_USEC: '0' }, undefined],
  ])('%s', (_what, env, beat) => {
    expect(watchdogBeatMs(env, 7)).toBe(beat);
  });
});

describe('openServiceManager', () => {
  it("keeps what is meant for this process alone from its children: runc would wait for a word of each container at systemd's socket", () => {
    process.env['NOTIFY_SOCKET'] = '/nowhere/notify';
    process.env['WATCHDOG_PID'] = '1';
    process.env['WATCHDOG_USEC'] = '30000000';
    // nobody listens there, which harms nobody
    openServiceManager().ready('serving');
    expect(Object.keys(process.env).filter(name => /^(NOTIFY_SOCKET|WATCHDOG_.*)$/.test(name))).toEqual([]);
  });
});
