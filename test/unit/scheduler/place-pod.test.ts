import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import { NominatedPods } from '../../../src/scheduler/nominated-pods.ts';
import type { Picture } from '../../../src/scheduler/picture.ts';
import { enoughNodes, placePod } from '../../../src/scheduler/place-pod.ts';
import { podInfo } from '../../../src/scheduler/pod-info.ts';
import { seededRandom } from '../../harness/random.ts';
import { pictureOf, testNode, testPod } from '../../harness/scheduling.ts';

const place = (pod: Pod, picture: Picture, more: Partial<Parameters<typeof placePod>[2]> = {}) =>
  placePod(podInfo(pod), picture, { nominations: new NominatedPods(), random: () => 0, start: 0, ...more });

describe('how many nodes are enough', () => {
  it.each([
    [3, 3],
    [99, 99],
    [100, 100],
    [250, 120],
    [1000, 420],
    [5000, 500],
    [6000, 300],
    [15000, 750],
  ])('of %i: %i', (total, enough) => {
    expect(enoughNodes(total)).toBe(enough);
  });
});

describe('placing a pod', () => {
  it('says when there are no nodes', async () => {
    expect((await place(testPod('p'), pictureOf([]))).placement).toEqual({ kind: 'no-nodes' });
  });

  it('takes the node with most left', async () => {
    const picture = pictureOf([testNode('a'), testNode('b')], [testPod('o', { node: 'a', requests: { cpu: '1' } })]);
    expect((await place(testPod('p'), picture)).placement).toEqual({ kind: 'node', node: 'b' });
  });

  it('takes each of those that are equally good by chance', async () => {
    const picture = pictureOf(['a', 'b', 'c'].map(name => testNode(name)));
    const random = seededRandom(7);
    const taken = new Set<string>();
    for (let i = 0; i < 50; i += 1) {
      const { placement } = await place(testPod('p'), picture, { random: () => random.next() });
      taken.add(JSON.stringify(placement));
    }
    expect(taken.size).toBe(3);
  });

  it('tells of every node why not, and which filters said so', async () => {
    const picture = pictureOf([testNode('a', { unschedulable: true }), testNode('b')]);
    const { placement } = await place(testPod('p', { requests: { cpu: '9' } }), picture);
    expect(placement).toMatchObject({
      kind: 'refused',
      diagnosis: { total: 2, rejectors: new Set(['NodeUnschedulable', 'NodeResourcesFit']) },
    });
  });

  it('asks only about nodes that the pod names, and says so of the others', async () => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['b'] }];
    const spec = {
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } },
      },
    };
    const picture = pictureOf(['a', 'b', 'c'].map(name => testNode(name)));
    expect((await place(testPod('p', { spec }), picture)).placement).toEqual({ kind: 'node', node: 'b' });
    const { placement } = await place(testPod('p', { spec, requests: { cpu: '9' } }), picture);
    expect(placement).toMatchObject({
      diagnosis: { total: 3, elsewhere: "node(s) didn't satisfy plugin(s) [NodeAffinity]" },
    });
  });

  it('ends early among many nodes, and begins where it was told to', async () => {
    const picture = pictureOf(Array.from({ length: 300 }, (_, i) => testNode(`n${i}`)));
    const { placement, asked } = await place(testPod('p'), picture, { start: 200 });
    expect([placement, asked]).toEqual([{ kind: 'node', node: 'n200' }, 144]);
  });
});

describe('a node that is kept for another pod', () => {
  const kept = (priority: number): NominatedPods => {
    const nominations = new NominatedPods();
    nominations.set(podInfo(testPod('kept', { priority, requests: { cpu: '3' } })), 'a');
    return nominations;
  };
  const two = testPod('p', { priority: 5, requests: { cpu: '2' } });

  it('counts as if it were there where it matters more', async () => {
    const { placement } = await place(two, pictureOf([testNode('a')]), { nominations: kept(5) });
    expect(placement.kind).toBe('refused');
  });

  it('does not matter where it matters less', async () => {
    const { placement } = await place(two, pictureOf([testNode('a')]), { nominations: kept(4) });
    expect(placement.kind).toBe('node');
  });

  it('is taken at once by the one that it is kept for', async () => {
    const pod = testPod('p', { priority: 5, status: { nominatedNodeName: 'a' } });
    const nominations = new NominatedPods();
    nominations.set(podInfo(pod), 'a');
    const picture = pictureOf([testNode('a'), testNode('b')], [testPod('o', { node: 'a', requests: { cpu: '3' } })]);
    expect((await place(pod, picture, { nominations })).placement).toEqual({ kind: 'node', node: 'a' });
  });
});
