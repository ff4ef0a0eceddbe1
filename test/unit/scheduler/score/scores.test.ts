import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { podInfo } from '../../../../src/scheduler/pod-info.ts';
import { SCORES } from '../../../../src/scheduler/score/all.ts';
import { pictureOf, settled, testNode, testPod } from '../../../harness/scheduling.ts';

/** The scores of one plugin by node, normalised, without the weight; undefined where it has nothing to say. */
function scores(
  name: string,
  pod: Pod,
  nodes: readonly Node[],
  others: readonly Pod[] = [],
): readonly number[] | undefined {
  const score = SCORES.find(each => each.name === name) ?? expect.fail(`no score ${name}`);
  const picture = pictureOf(nodes, others);
  const prepared = settled(score.prepare(podInfo(pod), picture, picture.nodes));
  if (prepared === undefined) return undefined;
  const raw = picture.nodes.map(node => prepared.score(node));
  return prepared.normalize?.(raw, picture.nodes) ?? raw;
}

const soft = (key: string) => ({ key, effect: 'PreferNoSchedule' });
const prefer = (weight: number, key: string) => ({
  weight,
  preference: { matchExpressions: [{ key, operator: 'Exists' }] },
});
const MB = 1024 * 1024;

describe('the weights', () => {
  it("are upstream's", () => {
    expect(Object.fromEntries(SCORES.map(({ name, weight }) => [name, weight]))).toMatchObject({
      TaintToleration: 3,
      NodeAffinity: 2,
      NodeResourcesFit: 1,
      NodeResourcesBalancedAllocation: 1,
      ImageLocality: 1,
    });
  });
});

describe('soft taints', () => {
  it('count against a node in proportion', () => {
    const nodes = [
      testNode('a'),
      testNode('b', { taints: [soft('x')] }),
      testNode('c', { taints: [soft('x'), soft('y')] }),
    ];
    expect(scores('TaintToleration', testPod('p'), nodes)).toEqual([100, 50, 0]);
  });

  it('do not count where they are tolerated, and hard ones never', () => {
    const nodes = [
      testNode('a', { taints: [soft('x')] }),
      testNode('b', { taints: [{ key: 'x', effect: 'NoSchedule' }] }),
    ];
    const pod = testPod('p', { spec: { tolerations: [{ key: 'x', operator: 'Exists', effect: 'PreferNoSchedule' }] } });
    expect(scores('TaintToleration', pod, nodes)).toEqual([100, 100]);
  });
});

describe('preferred node affinity', () => {
  it('has nothing to say of a pod that prefers nothing', () => {
    expect(scores('NodeAffinity', testPod('p'), [testNode('a')])).toBeUndefined();
  });

  it('adds the weights of what matches', () => {
    const spec = {
      affinity: {
        nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [prefer(30, 'x'), prefer(10, 'y')] },
      },
    };
    const nodes = [testNode('a', { labels: { x: '', y: '' } }), testNode('b', { labels: { y: '' } }), testNode('c')];
    expect(scores('NodeAffinity', testPod('p', { spec }), nodes)).toEqual([100, 25, 0]);
  });
});

describe('what is left on a node', () => {
  it('is better where it is more, CPU and memory alike', () => {
    const others = [testPod('o', { node: 'b', requests: { cpu: '2', memory: '4Gi' } })];
    const pod = testPod('p', { requests: { cpu: '1', memory: '2Gi' } });
    expect(scores('NodeResourcesFit', pod, [testNode('a'), testNode('b')], others)).toEqual([75, 25]);
  });

  it('counts containers that say nothing with 100m and 200Mi', () => {
    const others = [testPod('o', { node: 'b' })];
    // (97.5 + 97.56) / 2, each cut, and (95 + 95.1) / 2
    expect(scores('NodeResourcesFit', testPod('p'), [testNode('a'), testNode('b')], others)).toEqual([97, 95]);
  });

  it('is worth nothing where it is exceeded', () => {
    const others = [testPod('o', { node: 'a', requests: { cpu: '4', memory: '8Gi' } })];
    expect(scores('NodeResourcesFit', testPod('p'), [testNode('a')], others)).toEqual([0]);
  });
});

describe('balance', () => {
  it('is better where the pod makes it better', () => {
    const others = [
      testPod('o', { node: 'a', requests: { cpu: '2' } }),
      testPod('q', { node: 'b', requests: { memory: '4Gi' } }),
    ];
    const pod = testPod('p', { requests: { cpu: '2' } });
    // a: from 75 to 50; b: from 75 to 100
    expect(scores('NodeResourcesBalancedAllocation', pod, [testNode('a'), testNode('b')], others)).toEqual([62, 87]);
  });

  it('does not matter to pods that ask for neither', () => {
    expect(scores('NodeResourcesBalancedAllocation', testPod('p'), [testNode('a')])).toBeUndefined();
  });
});

describe('images that are there', () => {
  const image = (sizeBytes: number) => ({ images: [{ names: ['registry.test/c:1'], sizeBytes }] });

  it('count by their size and by how many nodes have them', () => {
    const nodes = [testNode('a', image(1000 * MB)), testNode('b')];
    // 1000 MB on one of two nodes count as 500: (500 - 23) / (1000 - 23)
    expect(scores('ImageLocality', testPod('p'), nodes)).toEqual([48, 0]);
  });

  it('do not count when they are small', () => {
    expect(scores('ImageLocality', testPod('p'), [testNode('a', image(23 * MB))])).toEqual([0]);
  });

  it('are as good as can be from 1000 MB on', () => {
    expect(scores('ImageLocality', testPod('p'), [testNode('a', image(3000 * MB))])).toEqual([100]);
  });

  it('are found by the tag that a name without one has', () => {
    const spec = { containers: [{ name: 'c', image: 'registry.test:5000/c', resources: {} }] };
    const nodes = [testNode('a', { images: [{ names: ['registry.test:5000/c:latest'], sizeBytes: 1000 * MB }] })];
    expect(scores('ImageLocality', testPod('p', { spec }), nodes)).toEqual([100]);
  });
});
