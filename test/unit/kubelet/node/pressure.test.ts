import { describe, expect, it } from 'vitest';
import { evictionThresholds } from '../../../../src/kubelet/node/eviction-thresholds.ts';
import { judgePressure, NO_PRESSURE, readSignals, type Signals } from '../../../../src/kubelet/node/pressure.ts';

const MI = 1024 * 1024;
const signals = (signal: string, available: number, total: number): Signals =>
  new Map([[signal, { available, total }]]);

describe('pressure', () => {
  it.each([
    ['memory.available', 100 * MI, 8192 * MI, undefined, NO_PRESSURE],
    ['memory.available', 100 * MI - 1, 8192 * MI, undefined, { ...NO_PRESSURE, memory: true }],
    ['nodefs.available', 100, 1000, undefined, NO_PRESSURE],
    ['nodefs.available', 99, 1000, undefined, { ...NO_PRESSURE, disk: true }],
    ['nodefs.inodesFree', 49, 1000, undefined, { ...NO_PRESSURE, disk: true }],
    ['pid.available', 0, 1000, undefined, NO_PRESSURE],
    ['pid.available', 9, 1000, { 'pid.available': '10' }, { ...NO_PRESSURE, pid: true }],
    ['memory.available', 0, 8192 * MI, { 'pid.available': '10' }, NO_PRESSURE],
    ['nodefs.available', 0, 1000, { 'nodefs.available': '0%' }, NO_PRESSURE],
  ])('of %s with %d of %d left and thresholds %j is %j', (signal, available, total, configured, expected) => {
    const { pressure } = judgePressure(
      signals(signal, available, total),
      evictionThresholds(configured),
      new Map(),
      0,
      0,
    );
    expect(pressure).toEqual(expected);
  });

  it('stays until it was not seen for the transition period', () => {
    const thresholds = evictionThresholds(undefined);
    const low = judgePressure(signals('nodefs.available', 0, 10), thresholds, new Map(), 1000, 300);
    const soon = judgePressure(signals('nodefs.available', 9, 10), thresholds, low.lastSeen, 1300, 300);
    const later = judgePressure(signals('nodefs.available', 9, 10), thresholds, soon.lastSeen, 1301, 300);
    expect([low, soon, later].map(each => each.pressure.disk)).toEqual([true, true, false]);
  });

  it('is read from this machine', () => {
    const seen = readSignals('/');
    expect(seen.get('memory.available')?.total).toBeGreaterThan(64 * MI);
    expect(seen.get('nodefs.available')?.total).toBeGreaterThan(0);
    expect(seen.get('pid.available')?.available).toBeGreaterThan(0);
  });

  it.each(['110%', 'much', ''])('thresholds refuse %s and say which signal', text => {
    expect(() => evictionThresholds({ 'memory.available': text })).toThrow(
      `evictionHard: memory.available: "${text}" is neither a quantity nor a percentage`,
    );
  });
});
