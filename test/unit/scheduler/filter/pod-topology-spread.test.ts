import { describe, expect, it } from 'vitest';
import { LabelSelector } from '../../../../src/api/selectors/label-selector.ts';
import type { Node, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { ClusterChange } from '../../../../src/scheduler/cluster-change.ts';
import { isRefusal } from '../../../../src/scheduler/filter/filter.ts';
import { podTopologySpread } from '../../../../src/scheduler/filter/pod-topology-spread.ts';
import type { ObjectPicture } from '../../../../src/scheduler/picture.ts';
import { podInfo } from '../../../../src/scheduler/pod-info.ts';
import { podTopologySpreadScore } from '../../../../src/scheduler/score/pod-topology-spread.ts';
import { pictureOf, settled, testNode, testPod } from '../../../harness/scheduling.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const UNEVEN = "node(s) didn't match pod topology spread constraints";
const NO_GROUP = `${UNEVEN} (missing required label)`;
const TAINT = { key: 't', effect: 'NoSchedule' };

const inZone = (name: string, zone: string, more: object = {}): Node =>
  testNode(name, { labels: { [ZONE]: zone, disk: 'ssd' }, ...more });
const spread = (more: object = {}) => ({
  maxSkew: 1,
  topologyKey: ZONE,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'a' } },
  ...more,
});
const pod = (
  constraints: readonly object[],
  more: object = {},
  labels: Readonly<Record<string, string>> = { app: 'a' },
): Pod => testPod('p', { labels, spec: { topologySpreadConstraints: constraints, ...more } });
/** Pods of the kind on nodes, one for each name. */
const on = (...nodes: string[]): readonly Pod[] =>
  nodes.map((node, i) => testPod(`o${i}`, { labels: { app: 'a' }, node }));

const TWO = [inZone('x1', 'x'), inZone('y1', 'y'), testNode('none')];

function refusals(asked: Pod, nodes: readonly Node[], pods: readonly Pod[]): Readonly<Record<string, string>> {
  const picture = pictureOf(nodes, pods);
  const answer = settled(podTopologySpread.prepare(podInfo(asked), picture));
  if (isRefusal(answer)) return expect.fail('it refuses everywhere');
  const said = picture.nodes.map(node => [node.name, answer?.check(node)?.reasons.join() ?? ''] as const);
  return Object.fromEntries(said.filter(([, reason]) => reason !== ''));
}

describe('hard spreading', () => {
  it.each<[string, Pod, readonly Node[], readonly Pod[], object]>([
    ['has nothing against pods without constraints', testPod('p'), TWO, on('x1'), {}],
    [
      'takes the pod in the zone that has fewer, and needs the label',
      pod([spread()]),
      TWO,
      on('x1'),
      { x1: UNEVEN, none: NO_GROUP },
    ],
    ['takes it in either while that is even enough', pod([spread({ maxSkew: 2 })]), TWO, on('x1'), { none: NO_GROUP }],
    [
      'does not count the pod itself where it is not of the kind',
      pod([spread()], {}, { app: 'b' }),
      TWO,
      on('x1'),
      { none: NO_GROUP },
    ],
    [
      'does not count pods that are on their way out',
      pod([spread()]),
      TWO,
      [testPod('o', { labels: { app: 'a' }, node: 'x1', metadata: { deletionTimestamp: 'x' } })],
      { none: NO_GROUP },
    ],
    [
      'does not count pods of other namespaces',
      pod([spread()]),
      TWO,
      [testPod('o', { namespace: 'red', labels: { app: 'a' }, node: 'x1' })],
      { none: NO_GROUP },
    ],
    [
      'takes missing zones for empty ones',
      pod([spread({ minDomains: 3 })]),
      TWO,
      on('x1', 'y1'),
      { x1: UNEVEN, y1: UNEVEN, none: NO_GROUP },
    ],
    [
      'does not count zones where the pod may not be',
      pod([spread()], { nodeSelector: { disk: 'ssd' } }),
      [inZone('x1', 'x'), inZone('y1', 'y', { labels: { [ZONE]: 'y' } })],
      on('x1'),
      {},
    ],
    [
      'counts them where it is told to',
      pod([spread({ nodeAffinityPolicy: 'Ignore' })], { nodeSelector: { disk: 'ssd' } }),
      [inZone('x1', 'x'), inZone('y1', 'y', { labels: { [ZONE]: 'y' } })],
      on('x1'),
      { x1: UNEVEN },
    ],
    [
      'counts tainted zones',
      pod([spread()]),
      [inZone('x1', 'x'), inZone('y1', 'y', { taints: [TAINT] })],
      on('x1'),
      { x1: UNEVEN },
    ],
    [
      'does not count them where it is told so',
      pod([spread({ nodeTaintsPolicy: 'Honor' })]),
      [inZone('x1', 'x'), inZone('y1', 'y', { taints: [TAINT] })],
      on('x1'),
      {},
    ],
    [
      'counts those of the same revision alone',
      pod([spread({ matchLabelKeys: ['rev', 'no'] })], {}, { app: 'a', rev: '2' }),
      TWO,
      on('x1'),
      { none: NO_GROUP },
    ],
    [
      'holds all constraints at once',
      pod([spread(), spread({ topologyKey: HOST })]),
      [inZone('x1', 'x'), inZone('x2', 'x'), inZone('y1', 'y')],
      on('x1', 'y1'),
      { x1: UNEVEN, y1: UNEVEN },
    ],
    ['does not hold soft ones', pod([spread({ whenUnsatisfiable: 'ScheduleAnyway' })]), TWO, on('x1'), {}],
  ])('%s', (_, asked, nodes, pods, expected) => {
    expect(refusals(asked, nodes, pods)).toEqual(expected);
  });

  it('can be asked what would be with a pod less, without forgetting it', () => {
    const picture = pictureOf(TWO, on('x1'));
    const check = settled(podTopologySpread.prepare(podInfo(pod([spread()])), picture));
    const node = picture.node('x1') ?? expect.fail('no node');
    if (check === undefined || isRefusal(check)) return expect.fail('no check');
    const supposed = check.copy?.() ?? expect.fail('no copy');
    supposed.count?.(podInfo(on('x1')[0] ?? expect.fail('no pod')), node, -1);
    expect([supposed.check(node), check.check(node)?.reasons]).toEqual([undefined, [UNEVEN]]);
  });
});

describe('a change helps spreading', () => {
  const asked = pod([spread()]);
  const other = testPod('o', { labels: { app: 'b' }, node: 'x1' });
  const kin = testPod('o', { labels: { app: 'a' }, node: 'x1' });

  it.each<[string, ClusterChange, boolean]>([
    ['a pod of the kind that comes elsewhere', { kind: 'pod', before: undefined, after: kin }, true],
    ['one that goes', { kind: 'pod', before: kin, after: undefined }, true],
    ['one that is of the kind no more', { kind: 'pod', before: kin, after: other }, true],
    ['another pod', { kind: 'pod', before: undefined, after: other }, false],
    [
      'one of another namespace',
      { kind: 'pod', before: testPod('o', { namespace: 'red', labels: { app: 'a' } }), after: undefined },
      false,
    ],
    ['a node with the label', { kind: 'node', before: undefined, after: inZone('x1', 'x') }, true],
    ['the end of one', { kind: 'node', before: inZone('x1', 'x'), after: undefined }, true],
    ['a node without it', { kind: 'node', before: undefined, after: testNode('n') }, false],
    ['a node that is in another zone', { kind: 'node', before: inZone('x1', 'x'), after: inZone('x1', 'y') }, true],
    [
      'a node whose taints change',
      { kind: 'node', before: inZone('x1', 'x'), after: inZone('x1', 'x', { taints: [TAINT] }) },
      true,
    ],
    [
      'a node that only has more',
      { kind: 'node', before: inZone('x1', 'x'), after: inZone('x1', 'x', { allocatable: { cpu: '9' } }) },
      false,
    ],
  ])('%s', (_, change, expected) => {
    expect(podTopologySpread.mayHelp(change, podInfo(asked), pictureOf([]))).toBe(expected);
  });
});

describe('soft spreading', () => {
  const scores = (asked: Pod, nodes: readonly Node[], pods: readonly Pod[], objects: Partial<ObjectPicture> = {}) => {
    const picture = pictureOf(nodes, pods, objects);
    const prepared = settled(podTopologySpreadScore.prepare(podInfo(asked), picture, picture.nodes));
    if (prepared === undefined) return undefined;
    const raw = picture.nodes.map(node => prepared.score(node));
    const points = prepared.normalize?.(raw, picture.nodes) ?? raw;
    return Object.fromEntries(picture.nodes.map(({ name }, i) => [name, points[i]]));
  };
  const soft = pod([spread({ whenUnsatisfiable: 'ScheduleAnyway' })]);

  it('prefers the zone that has fewer, and gives nothing to nodes without one', () => {
    expect(scores(soft, TWO, on('x1', 'x1'))).toEqual({ x1: 0, y1: 100, none: 0 });
  });

  it('is content with all where none has any', () => {
    expect(scores(soft, TWO.slice(0, 2), [])).toEqual({ x1: 100, y1: 100 });
  });

  it('spreads pods without constraints by what selects them, over nodes and zones', () => {
    const selector = new LabelSelector([{ key: 'app', operator: '=', values: ['a'] }]);
    const asked = testPod('p', { labels: { app: 'a' } });
    const nodes = [inZone('x1', 'x'), inZone('x2', 'x'), inZone('y1', 'y')];
    // x1: 2 ln 5 + 2 + 2 ln 4 + 4, x2: 2 + 2 ln 4 + 4, y1: 2 + 4
    expect(scores(asked, nodes, on('x1', 'x1'), { spreadSelector: () => selector })).toEqual({
      x1: 50,
      x2: 75,
      y1: 100,
    });
  });

  it('has nothing to say where nothing selects them', () => {
    expect(scores(testPod('p'), TWO, on('x1'))).toBeUndefined();
  });
});
