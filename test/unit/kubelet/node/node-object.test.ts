import { describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { osImage } from '../../../../src/kubelet/node/machine-facts.ts';
import { containerImages, newNode, nodeStatus } from '../../../../src/kubelet/node/node-object.ts';
import { hasChanged, labelsPatch, nodeStatusPatch } from '../../../../src/kubelet/node/node-status-patch.ts';
import type { RuntimeStatus } from '../../../../src/kubelet/runtime/ports.ts';
import { Image } from '../../../../src/rpc/cri-api.ts';

const KI = 1024;
const identity = {
  name: 'n1',
  ips: ['192.0.2.1', '2001:db8::1'],
  labels: { disk: 'fast' },
  taints: [],
  machine: {
    machineID: 'm',
    systemUUID: 's',
    bootID: 'b',
    kernelVersion: '6.1',
    osImage: 'Debian',
    operatingSystem: 'linux',
    architecture: 'amd64',
    swapBytes: 0,
  },
  runtimeVersion: 'gantry://1',
  kubeletVersion: 'v1.36.0+gantry.1',
  port: 10250,
  resources: {
    capacity: { milliCpu: 2000, memoryBytes: 1001 * KI },
    allocatable: { milliCpu: 1500, memoryBytes: 1000 * KI },
    storageBytes: 10_000 * KI,
    storageReservedBytes: 1_024_000,
    maxPods: 110,
  },
};
const runtime: RuntimeStatus = {
  conditions: [],
  handlers: [{ name: '', recursiveReadOnlyMounts: true, userNamespaces: false }],
  supplementalGroupsPolicy: true,
};
const status = nodeStatus(identity, [], [], runtime);

describe('the Node', () => {
  it('tells what it has in canonical quantities', () => {
    expect(status.capacity).toEqual({
      cpu: '2',
      'ephemeral-storage': '10000Ki',
      'hugepages-1Gi': '0',
      'hugepages-2Mi': '0',
      memory: '1001Ki',
      pods: '110',
    });
    expect(status.allocatable).toMatchObject({ cpu: '1500m', 'ephemeral-storage': '9216000', memory: '1000Ki' });
  });

  it('tells what the runtime can do once that has answered', () => {
    expect(status.features).toEqual({ supplementalGroupsPolicy: true });
    expect(status.runtimeHandlers).toEqual([
      { name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } },
    ]);
    const silent = nodeStatus(identity, [], [], undefined);
    expect(silent).not.toHaveProperty('runtimeHandlers');
    // what was told before stays until then
    expect(hasChanged(status, silent)).toBe(false);
    expect(nodeStatusPatch(status, silent)).not.toHaveProperty('runtimeHandlers');
  });

  it('tells every address, the host name last', () => {
    expect(status.addresses).toEqual([
      { type: 'InternalIP', address: '192.0.2.1' },
      { type: 'InternalIP', address: '2001:db8::1' },
      { type: 'Hostname', address: 'n1' },
    ]);
  });

  it('carries the labels that say what it is beside its own', () => {
    expect(newNode(identity, status).metadata.labels).toMatchObject({
      'kubernetes.io/hostname': 'n1',
      'kubernetes.io/arch': 'amd64',
      disk: 'fast',
    });
  });

  it.each([
    ['NAME="x"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', 'Debian GNU/Linux 12 (bookworm)'],
    ["PRETTY_NAME='Alpine'\n", 'Alpine'],
    ['PRETTY_NAME=Bare\n', 'Bare'],
    ['', 'Linux'],
  ])('reads the system from %j', (text, name) => expect(osImage(text)).toBe(name));

  it('tells of the 50 largest images, with five names each', () => {
    const images = Array.from({ length: 60 }, (_, i) =>
      Image.fromPartial({ id: `i${i}`, size: BigInt(i), repoTags: ['a', 'b', 'c', 'd', 'e'], repoDigests: ['x@sha'] }),
    );
    const told = containerImages(images);
    expect(told).toHaveLength(50);
    expect(told[0]).toEqual({ names: ['x@sha', 'a', 'b', 'c', 'd'], sizeBytes: 59 });
  });
});

describe('a change of the status', () => {
  const heartbeat = (time: string): NodeStatus => ({
    ...status,
    conditions: [{ type: 'Ready', status: 'True', reason: 'r', message: 'm', lastHeartbeatTime: time }],
  });

  it('is not a heartbeat alone', () => expect(hasChanged(heartbeat('a'), heartbeat('b'))).toBe(false));

  it.each<[string, Partial<NodeStatus>]>([
    ['an address', { addresses: [] }],
    ['a capacity', { capacity: { ...status.capacity, cpu: '4' } }],
    ['the boot', { nodeInfo: { ...status.nodeInfo, bootID: 'c' } }],
    ['an image', { images: [{ names: ['x'] }] }],
    ['a handler of the runtime', { runtimeHandlers: [] }],
    ['a condition', { conditions: [{ type: 'Ready', status: 'False' }] }],
  ])('is %s', (_what, change) => expect(hasChanged(heartbeat('a'), { ...heartbeat('a'), ...change })).toBe(true));

  it('leaves resources that others added alone', () => {
    const current = { ...heartbeat('a'), capacity: { ...status.capacity, 'example.com/gpu': '2' } };
    expect(hasChanged(current, heartbeat('a'))).toBe(false);
    expect(Object.keys(nodeStatusPatch(current, heartbeat('b')))).toEqual(['conditions']);
  });

  it('replaces addresses, of which several have the same type', () => {
    expect(nodeStatusPatch({ ...status, addresses: [] }, status)['addresses']).toEqual([
      { $patch: 'replace' },
      ...(status.addresses ?? []),
    ]);
  });

  it('writes labels that are wrong and no other', () => {
    const node = { ...newNode(identity, status), metadata: { name: 'n1', labels: { a: '1', b: '2', c: '3' } } };
    expect(labelsPatch(node, { a: '1', b: 'x' })).toEqual({ metadata: { labels: { b: 'x' } } });
    expect(labelsPatch(node, { a: '1' })).toBeUndefined();
  });
});
