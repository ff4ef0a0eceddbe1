import { describe, expect, it } from 'vitest';
import { defaultKubeletConfiguration } from '../../../src/kubelet/configuration.ts';
import { resolveSettings } from '../../../src/kubelet/resolve-settings.ts';

const node = {
  name: 'n1',
  ips: ['192.0.2.1'],
  capacity: { milliCpu: 2000, memoryBytes: 4e9 },
  cgroupVersion: 2,
  swap: { counted: true, capacityBytes: 8e9 },
  resolver: { servers: [], searches: [], options: [] },
} as const;
const paths = { rootDir: '/r', podLogsDir: '/l', containerLogLinks: undefined };
const base = defaultKubeletConfiguration();

describe('resolveSettings', () => {
  it.each([['no groups by quality of service', { cgroupsPerQOS: false }, /cgroupsPerQOS: false/]])(
    'refuses %s by the name of the field',
    (_sentence, fields, message) => {
      expect(() => resolveSettings({ ...base, ...fields }, node, paths)).toThrow(message);
    },
  );

  it.each(['systemd', 'cgroupfs'] as const)('takes the driver %s for a runtime that does not say its own', driver => {
    expect(resolveSettings({ ...base, cgroupDriver: driver }, node, paths).cgroupDriver).toBe(driver);
  });

  it('takes NoSwap, which is what it does, and the number of pods', () => {
    const settings = resolveSettings({ ...base, memorySwap: { swapBehavior: 'NoSwap' }, maxPods: 7 }, node, paths);
    expect(settings.maxPods).toBe(7);
    expect(settings.cgroups.swap).toEqual({ counted: true, limited: false, capacityBytes: 8e9 });
    expect(resolveSettings(base, node, paths).maxPods).toBe(110);
  });

  it('has a stand-in for the resolver of a node without one, in its families', () => {
    const { dns } = resolveSettings(base, { ...node, ips: ['192.0.2.1', 'fd00::1'], resolver: undefined }, paths);
    expect(dns.instead).toEqual({ servers: ['127.0.0.1', '::1'], searches: ['.'], options: [] });
    expect(resolveSettings(base, node, paths).dns.instead).toBeUndefined();
  });
});
