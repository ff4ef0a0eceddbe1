import { describe, expect, it } from 'vitest';
import { qosClass } from '../../../../src/api/pod-resources.ts';
import { podCgroup, podCgroupResources, qosCgroup } from '../../../../src/kubelet/resources/pod-cgroup.ts';
import { type CgroupResources, cgroupWrites } from '../../../../src/linux/cgroup-resources.ts';
import { expandSlice, sliceOf, sliceProperties } from '../../../../src/linux/systemd-slice.ts';
import { podWith } from '../pods.ts';

const POLICY = { root: '/', cpuQuotaEnforced: true, cpuPeriodUs: 100_000, podPidsLimit: -1 };
const UID = '0b2d6e54-7d5c-4f6f-9d7e-2f3a1c5b8e90';

const one = (resources: string, more = ''): string =>
  `${more}\n  containers: [{name: main, image: i, resources: ${resources}}]`;
const PODS: readonly [name: string, spec: string, policy: typeof POLICY][] = [
  ['best effort', one('{}'), POLICY],
  ['burstable, a request alone', one('{requests: {cpu: 250m, memory: 64Mi}}'), POLICY],
  ['burstable, limited', one('{requests: {cpu: 250m}, limits: {cpu: 1500m, memory: 1Gi}}'), POLICY],
  ['guaranteed', one('{limits: {cpu: 2, memory: 512Mi}}'), POLICY],
  ['a quota that is no whole percent of a CPU', one('{limits: {cpu: 333m, memory: 64Mi}}'), POLICY],
  ['another period', one('{limits: {cpu: 1, memory: 64Mi}}'), { ...POLICY, cpuPeriodUs: 20_000 }],
  ['no quota', one('{limits: {cpu: 1, memory: 64Mi}}'), { ...POLICY, cpuQuotaEnforced: false }],
  ['with overhead', one('{limits: {cpu: 1, memory: 64Mi}}', 'overhead: {cpu: 250m, memory: 120Mi}'), POLICY],
  ['processes limited', one('{}'), { ...POLICY, podPidsLimit: 1024 }],
  ['below a root of its own', one('{}'), { ...POLICY, root: '/my-node' }],
];

/** What each driver is told of one group. */
function drivers(cgroup: string, resources: CgroupResources): object {
  const slice = sliceOf(cgroup);
  const systemd = (version: 1 | 2): object =>
    Object.fromEntries(sliceProperties(version, resources).map(({ name, value }) => [name, String(value)]));
  const files = (version: 1 | 2): object =>
    Object.fromEntries(cgroupWrites(version, resources).map(({ file, value }) => [file, value]));
  return {
    cgroupfs: { path: cgroup, v1: files(1), v2: files(2) },
    systemd: { slice, path: expandSlice(slice), v1: systemd(1), v2: systemd(2) },
  };
}

describe('the groups of pods', () => {
  it('are what the golden file says on cgroup v1 and v2, made directly and by systemd', async () => {
    const pods = PODS.map(([name, spec, policy]) => {
      const { pod } = podWith(spec);
      const qos = qosClass(pod);
      return [name, drivers(podCgroup(policy.root, qos, UID), podCgroupResources(pod, qos, policy))] as const;
    });
    const classes = (['Guaranteed', 'Burstable', 'BestEffort'] as const).map(
      qos => [qos, drivers(qosCgroup('/', qos), {})] as const,
    );
    await expect(`${JSON.stringify(Object.fromEntries([...classes, ...pods]), null, 2)}\n`).toMatchFileSnapshot(
      './golden/cgroup-drivers.json',
    );
  });
});

describe('a slice', () => {
  it.each([
    ['/', '-.slice', '/'],
    ['/kubepods', 'kubepods.slice', '/kubepods.slice'],
    ['/kubepods/burstable', 'kubepods-burstable.slice', '/kubepods.slice/kubepods-burstable.slice'],
    [
      '/kubepods/burstable/pod1-2',
      'kubepods-burstable-pod1_2.slice',
      '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice',
    ],
  ])('of %s is %s at %s', (cgroup, slice, path) => {
    expect(sliceOf(cgroup)).toBe(slice);
    expect(expandSlice(slice)).toBe(path);
  });

  it.each(['a--b.slice', '-a.slice', 'a-.slice', '.slice', 'a', 'a/b.slice', 'a.scope'])('is not %s', name => {
    expect(expandSlice(name)).toBeUndefined();
  });

  it.each([
    ['no limit', { cpuQuotaUs: -1, memoryLimitBytes: -1, pidsMax: -1 }, 2n ** 64n - 1n],
    ['no process at all, which systemd does not take', { pidsMax: 0 }, 1n],
  ])('has %s', (_what, resources, value) => {
    expect(new Set(sliceProperties(2, resources).map(property => property.value))).toEqual(new Set([value]));
  });
});
