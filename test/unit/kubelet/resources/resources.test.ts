import { describe, expect, it } from 'vitest';
import { qosClass } from '../../../../src/api/pod-resources.ts';
import { containerResources } from '../../../../src/kubelet/resources/container-resources.ts';
import { milliCpuToQuota, milliCpuToShares } from '../../../../src/kubelet/resources/cpu-shares.ts';
import { oomScoreAdj } from '../../../../src/kubelet/resources/oom-score.ts';
import {
  burstableShares,
  podCgroup,
  podCgroupResources,
  possiblePodCgroups,
} from '../../../../src/kubelet/resources/pod-cgroup.ts';
import { sandboxResources } from '../../../../src/kubelet/resources/sandbox-resources.ts';
import { podWith } from '../pods.ts';

const POLICY = { root: '/', cpuQuotaEnforced: true, cpuPeriodUs: 100_000, podPidsLimit: -1 };
const GIB = 1 << 30;
const pod = (spec: string) => podWith(spec).pod;
const one = (resources: string) => pod(`containers: [{name: main, image: i, resources: ${resources}}]`);

describe('CPU shares and quota', () => {
  it.each([
    [0, 2, 'nothing asked for is the smallest share'],
    [1, 2, 'below the smallest'],
    [100, 102, 'a tenth of a CPU'],
    [1000, 1024, 'one CPU'],
    [1_000_000, 262_144, 'above the largest'],
  ])('%i thousandths are %i shares: %s', (milli, shares) => {
    expect(milliCpuToShares(milli)).toBe(shares);
  });

  it.each([
    [200, 20_000, 'a fifth of each period'],
    [5, 1_000, 'the kernel takes no less'],
    [2500, 250_000, 'more than a CPU'],
  ])('%i thousandths are %i µs of 100 ms: %s', (milli, quota) => {
    expect(milliCpuToQuota(milli, 100_000)).toBe(quota);
  });
});

describe('the pod cgroup', () => {
  it('stands under its class, Guaranteed directly under kubepods, with or without a root', () => {
    expect(podCgroup('/', 'Guaranteed', 'u')).toBe('/kubepods/podu');
    expect(podCgroup('/', 'Burstable', 'u')).toBe('/kubepods/burstable/podu');
    expect(podCgroup('/node', 'BestEffort', 'u')).toBe('/node/kubepods/besteffort/podu');
    expect(possiblePodCgroups('/', 'u')).toHaveLength(3);
  });

  it.each<[string, object, string]>([
    ['{}', { cpuShares: 2 }, 'BestEffort: no limits and the smallest share'],
    ['{requests: {cpu: 250m}}', { cpuShares: 256 }, 'a request is weight alone'],
    [
      '{limits: {cpu: 500m, memory: 64Mi}}',
      { cpuShares: 512, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryLimitBytes: 67_108_864 },
      'limits of all containers limit the pod',
    ],
  ])('for %s: %s', (resources, expected) => {
    const p = one(resources);
    expect(podCgroupResources(p, qosClass(p), POLICY)).toEqual(expected);
  });

  it('is not limited as a whole when one container is not', () => {
    const p = pod(
      'containers: [{name: a, image: i, resources: {limits: {cpu: 500m, memory: 64Mi}}}, {name: b, image: i, resources: {limits: {cpu: 1}}}]',
    );
    expect(podCgroupResources(p, 'Burstable', POLICY)).toEqual({
      cpuShares: 1536,
      cpuQuotaUs: 150_000,
      cpuPeriodUs: 100_000,
    });
  });

  it('has the process limit of the node, and no quota where quotas are off', () => {
    const p = one('{limits: {cpu: 500m}}');
    expect(podCgroupResources(p, 'Burstable', { ...POLICY, cpuQuotaEnforced: false, podPidsLimit: 100 })).toEqual({
      cpuShares: 512,
      pidsMax: 100,
    });
  });

  it('weighs the burstable group by what its pods ask for', () => {
    expect(burstableShares([])).toBe(2);
    expect(burstableShares([one('{requests: {cpu: 1}}'), one('{requests: {cpu: 500m}}')])).toBe(1536);
  });
});

describe('the OOM score', () => {
  it.each([
    ['{limits: {cpu: 1, memory: 64Mi}}', '', -997, 'Guaranteed'],
    ['{}', '', 1000, 'BestEffort'],
    ['{requests: {memory: 256Mi}}', '', 750, 'Burstable: a quarter of the memory asked for'],
    ['{requests: {cpu: 1}}', '', 999, 'Burstable without memory is just below BestEffort'],
    ['{requests: {memory: 1Gi}}', '', 3, 'Burstable with all of the memory is just above Guaranteed'],
    ['{}', 'priorityClassName: system-node-critical\n  ', -997, 'critical for the node'],
  ])('of %s %s is %i: %s', (resources, extra, score) => {
    const p = pod(`${extra}containers: [{name: main, image: i, resources: ${resources}}]`);
    const [container] = p.spec.containers;
    expect(container && oomScoreAdj(p, container, qosClass(p), GIB)).toBe(score);
  });
});

describe('containerResources', () => {
  const resourcesOf = (resources: string, cgroupVersion: 1 | 2) => {
    const p = one(resources);
    const [container] = p.spec.containers;
    if (container === undefined) throw new Error('no container');
    const capacity = { milliCpu: 2000, memoryBytes: GIB };
    return containerResources(p, container, qosClass(p), capacity, {
      ...POLICY,
      cgroupVersion,
      singleProcessOomKill: false,
      swap: { counted: false, limited: false, capacityBytes: 0 },
    });
  };

  it('carries limits, and shares from the request that a limit implies', () => {
    expect(resourcesOf('{limits: {cpu: 200m, memory: 64Mi}}', 1)).toMatchObject({
      cpuShares: 204n,
      cpuQuota: 20_000n,
      cpuPeriod: 100_000n,
      memoryLimitInBytes: 67_108_864n,
      unified: {},
    });
  });

  it('limits nothing where nothing is limited', () => {
    expect(resourcesOf('{}', 1)).toMatchObject({ cpuShares: 2n, cpuQuota: 0n, cpuPeriod: 0n, memoryLimitInBytes: 0n });
  });

  it('asks on cgroup v2 that a container is ended as a whole when out of memory', () => {
    expect(resourcesOf('{}', 2).unified).toEqual({ 'memory.oom.group': '1' });
  });
});

describe('what the runtime is told of the size of a pod', () => {
  const heavy = pod(`overhead: {cpu: 250m, memory: 64Mi}
  containers:
  - {name: a, image: i, resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 2, memory: 1Gi}}}
  - {name: b, image: i, resources: {requests: {cpu: 500m}, limits: {cpu: 1, memory: 1Gi}}}`);

  it('is its containers together, and the overhead beside them', () => {
    const { resources, overhead } = sandboxResources(heavy, POLICY);
    expect(resources).toMatchObject({
      cpuShares: 1536n,
      cpuQuota: 300_000n,
      cpuPeriod: 100_000n,
      memoryLimitInBytes: BigInt(2 * GIB),
    });
    expect(overhead).toMatchObject({ cpuShares: 256n, cpuQuota: 25_000n, memoryLimitInBytes: BigInt(64 << 20) });
  });

  it('has no quota where none is enforced, and no overhead where the class has none', () => {
    const { resources, overhead } = sandboxResources(one('{limits: {cpu: 1}}'), { ...POLICY, cpuQuotaEnforced: false });
    expect([resources.cpuShares, resources.cpuQuota, resources.memoryLimitInBytes]).toEqual([1024n, 0n, 0n]);
    expect(overhead.cpuShares).toBe(0n);
  });

  it('is in the cgroup of the pod, with the overhead', () => {
    expect(podCgroupResources(heavy, 'Burstable', POLICY)).toMatchObject({
      cpuShares: 1792,
      cpuQuotaUs: 325_000,
      memoryLimitBytes: 2 * GIB + (64 << 20),
    });
    expect(burstableShares([heavy])).toBe(1792);
  });
});
