import { describe, expect, it } from 'vitest';
import { Cluster } from '../../../src/scheduler/cluster.ts';
import { podInfo } from '../../../src/scheduler/pod-info.ts';
import { testNode, testPod } from '../../harness/scheduling.ts';

const POD = podInfo(testPod('p', { requests: { cpu: '1', 'example.com/gpu': '2' }, node: 'n' }));

function clusterWith(...nodes: string[]): Cluster {
  const cluster = new Cluster();
  for (const name of nodes) cluster.setNode(testNode(name));
  return cluster;
}

const used = (cluster: Cluster, node = 'n') => ({
  cpu: cluster.node(node)?.requested.milliCpu,
  pods: cluster.node(node)?.pods.size,
  gpus: cluster.node(node)?.requested.scalars.get('example.com/gpu'),
});
const EMPTY = { cpu: 0, pods: 0, gpus: undefined };
const FULL = { cpu: 1000, pods: 1, gpus: 2 };

describe('a pod that is about to be bound', () => {
  it('counts, and counts once when it is there', () => {
    const cluster = clusterWith('n');
    cluster.assume(POD, 'n');
    expect([used(cluster), cluster.isAssumed(POD.uid)]).toEqual([FULL, true]);
    cluster.confirm(POD);
    expect([used(cluster), cluster.isAssumed(POD.uid)]).toEqual([FULL, false]);
  });

  it('counts where it really is when that is another node', () => {
    const cluster = clusterWith('n', 'm');
    cluster.assume(POD, 'm');
    cluster.confirm(POD);
    expect([used(cluster, 'm'), used(cluster)]).toEqual([EMPTY, FULL]);
  });

  it('is forgotten when it could not be bound', () => {
    const cluster = clusterWith('n');
    cluster.assume(POD, 'n');
    cluster.remove(POD.uid);
    expect([used(cluster), cluster.has(POD.uid)]).toEqual([EMPTY, false]);
  });
});

describe('a pod on a node', () => {
  it('is not assumed any more', () => {
    const cluster = clusterWith('n', 'm');
    cluster.confirm(POD);
    cluster.assume(POD, 'm');
    expect([used(cluster, 'm'), used(cluster)]).toEqual([EMPTY, FULL]);
  });

  it('counts for a node that comes later, or comes back', () => {
    const cluster = clusterWith();
    cluster.confirm(POD);
    expect(cluster.nodes).toEqual([]);
    cluster.setNode(testNode('n'));
    expect(used(cluster)).toEqual(FULL);
    cluster.removeNode('n');
    expect([cluster.nodes, cluster.node('n')]).toEqual([[], undefined]);
    cluster.setNode(testNode('n'));
    expect(used(cluster)).toEqual(FULL);
  });

  it('may be removed twice', () => {
    const cluster = clusterWith('n');
    cluster.confirm(POD);
    cluster.remove(POD.uid);
    cluster.remove(POD.uid);
    expect(used(cluster)).toEqual(EMPTY);
  });

  it('uses its claims', () => {
    const cluster = clusterWith('n');
    const volumes = [
      { name: 'a', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'b', ephemeral: {} },
    ];
    const pod = podInfo(testPod('p', { node: 'n', spec: { volumes } }));
    cluster.confirm(pod);
    expect(['data', 'p-b', 'b'].map(name => cluster.claimUsers('default', name))).toEqual([1, 1, 0]);
    cluster.remove(pod.uid);
    expect(cluster.claimUsers('default', 'data')).toBe(0);
  });
});

describe('nodes', () => {
  it('come one of each zone in turn', () => {
    const cluster = new Cluster();
    for (const [name, zone] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['a3', 'a'],
      ['b1', 'b'],
      ['c1', 'c'],
    ] as const)
      cluster.setNode(testNode(name, { labels: { 'topology.kubernetes.io/zone': zone } }));
    expect(cluster.nodes.map(({ name }) => name)).toEqual(['a1', 'b1', 'c1', 'a2', 'a3']);
    cluster.setNode(testNode('a1', { labels: { 'topology.kubernetes.io/zone': 'b' } }));
    expect(cluster.nodes.map(({ name }) => name)).toEqual(['a1', 'a2', 'c1', 'b1', 'a3']);
  });

  it('with pods that have affinity are known', () => {
    const cluster = clusterWith('n', 'm');
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: {} };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const pod = podInfo(testPod('p', { node: 'n', spec: { affinity } }));
    cluster.confirm(pod);
    const names = () =>
      [[...cluster.nodesWithAffinity], [...cluster.nodesWithAntiAffinity]].map(each => each.map(({ name }) => name));
    expect(names()).toEqual([['n'], ['n']]);
    cluster.remove(pod.uid);
    expect(names()).toEqual([[], []]);
  });

  it('count for the images that they have', () => {
    const cluster = new Cluster();
    const images = [{ names: ['a:1', 'a@sha256:x'], sizeBytes: 1 }];
    cluster.setNode(testNode('n', { images }));
    cluster.setNode(testNode('m', { images }));
    expect([cluster.imageNodes('a:1'), cluster.imageNodes('b:1')]).toEqual([2, 0]);
    cluster.setNode(testNode('n'));
    cluster.removeNode('m');
    expect(cluster.imageNodes('a:1')).toBe(0);
  });
});

describe('a copy of a node', () => {
  it('may be changed without changing the node', () => {
    const cluster = clusterWith('n');
    cluster.confirm(POD);
    const copy = cluster.node('n')?.copy();
    copy?.remove(POD.uid);
    expect([copy?.requested.milliCpu, copy?.pods.size, used(cluster)]).toEqual([0, 0, FULL]);
  });
});
