import { describe, expect, it } from 'vitest';
import { qosClass } from '../../../../src/api/pod-resources.ts';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { containerResources } from '../../../../src/kubelet/resources/container-resources.ts';
import { swapBytes } from '../../../../src/kubelet/resources/swap.ts';
import { podWith } from '../pods.ts';

const GIB = 1 << 30;
const CAPACITY = { milliCpu: 2000, memoryBytes: 4 * GIB };
const LIMITED = { counted: true, limited: true, capacityBytes: 8 * GIB };

/** Those of manifests are static. */
const fromApi = (pod: Pod): Pod => ({ ...pod, metadata: { ...pod.metadata, annotations: {} } });
const podOf = (resources: string, more = '') =>
  fromApi(podWith(`${more}\n  containers: [{name: main, image: i, resources: ${resources}}]`).pod);
const bytesOf = (pod: ReturnType<typeof podOf>, policy = LIMITED) =>
  pod.spec.containers.map(container => swapBytes(pod, container, qosClass(pod), CAPACITY, policy));

describe('the swap of a container', () => {
  it.each([
    ['a request: its share of the memory, of the swap', '{requests: {memory: 1Gi}}', '', 2 * GIB],
    ['a limit above its request', '{requests: {memory: 512Mi}, limits: {memory: 1Gi}}', '', GIB],
    ['nothing asked for', '{}', '', 0],
    ['CPU alone asked for', '{requests: {cpu: 1}}', '', 0],
    ['its request as its limit', '{requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}', '', 0],
    ['a guaranteed pod', '{limits: {cpu: 1, memory: 1Gi}}', '', 0],
    ['more asked for than there is', '{requests: {memory: 5Gi}}', '', 0],
    ['a critical pod', '{requests: {memory: 1Gi}}', 'priority: 2000000000', 0],
  ])('with %s', (_sentence, resources, more, bytes) => {
    expect(bytesOf(podOf(resources, more))).toEqual([bytes]);
  });

  it('of a static pod is none', () => {
    const pod = podOf('{requests: {memory: 1Gi}}');
    const annotations = { 'kubernetes.io/config.source': 'file' };
    expect(bytesOf({ ...pod, metadata: { ...pod.metadata, annotations } })).toEqual([0]);
  });

  it('is none without LimitedSwap', () => {
    expect(bytesOf(podOf('{requests: {memory: 1Gi}}'), { ...LIMITED, limited: false })).toEqual([0]);
  });

  it.each([
    ['on cgroup v2', 2, true, { 'memory.oom.group': '1', 'memory.swap.max': '2147483648' }],
    ['not where the kernel does not count it', 2, false, { 'memory.oom.group': '1' }],
    ['not on v1, which has no such file', 1, true, {}],
  ] as const)('is said %s', (_sentence, cgroupVersion, counted, unified) => {
    const pod = podOf('{requests: {memory: 1Gi}}');
    const [container] = pod.spec.containers;
    const policy = { root: '/', cpuQuotaEnforced: true, cpuPeriodUs: 100_000, podPidsLimit: -1 };
    const resources =
      container &&
      containerResources(pod, container, qosClass(pod), CAPACITY, {
        ...policy,
        cgroupVersion,
        singleProcessOomKill: false,
        swap: { ...LIMITED, counted },
      });
    expect(resources?.unified).toEqual(unified);
  });
});
