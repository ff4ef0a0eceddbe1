import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { ClusterChange } from '../../../../src/scheduler/cluster-change.ts';
import { isRefusal } from '../../../../src/scheduler/filter/filter.ts';
import { interPodAffinity } from '../../../../src/scheduler/filter/inter-pod-affinity.ts';
import { podInfo } from '../../../../src/scheduler/pod-info.ts';
import { interPodAffinityScore } from '../../../../src/scheduler/score/inter-pod-affinity.ts';
import { pictureOf, settled, testNode, testPod } from '../../../harness/scheduling.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const NO_COMPANY = "node(s) didn't match pod affinity rules";
const BAD_COMPANY = "node(s) didn't match pod anti-affinity rules";
const UNWELCOME = "node(s) didn't satisfy existing pods anti-affinity rules";

const required = (...terms: object[]) => ({ requiredDuringSchedulingIgnoredDuringExecution: terms });
const term = (app: string, topologyKey = HOST, more: object = {}) => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
  ...more,
});
const wants = (...terms: object[]) => ({ affinity: { podAffinity: required(...terms) } });
const avoids = (...terms: object[]) => ({ affinity: { podAntiAffinity: required(...terms) } });
const app = (name: string, node?: string, more: object = {}): Pod =>
  testPod(`${name}-${node}`, { labels: { app: name }, ...(node === undefined ? {} : { node }), ...more });

/** Two nodes in zone x, one in y, one in none. */
const NODES: readonly Node[] = [
  testNode('x1', { labels: { [ZONE]: 'x' } }),
  testNode('x2', { labels: { [ZONE]: 'x' } }),
  testNode('y1', { labels: { [ZONE]: 'y' } }),
  testNode('none'),
];
const NAMESPACES: Readonly<Record<string, Readonly<Record<string, string>>>> = { default: {}, red: { team: 'red' } };
const objects = { namespaceLabels: (name: string) => NAMESPACES[name] };

/** What is said of each node that does not take a pod. */
function refusals(pod: Pod, pods: readonly Pod[] = []): Readonly<Record<string, string>> | string {
  const picture = pictureOf(NODES, pods, objects);
  const answer = settled(interPodAffinity.prepare(podInfo(pod), picture));
  if (isRefusal(answer)) return answer.reasons.join();
  const said = picture.nodes.map(node => [node.name, answer?.check(node)?.reasons.join() ?? ''] as const);
  return Object.fromEntries(said.filter(([, reason]) => reason !== ''));
}

describe('required affinity between pods', () => {
  it.each<[string, Pod, Pod[], unknown]>([
    ['has nothing against a pod that asks for nothing', app('a'), [app('b', 'x1')], {}],
    [
      'takes a pod where its company is',
      app('a', undefined, { spec: wants(term('b')) }),
      [app('b', 'x1')],
      { x2: NO_COMPANY, y1: NO_COMPANY, none: NO_COMPANY },
    ],
    [
      'takes it in the whole zone',
      app('a', undefined, { spec: wants(term('b', ZONE)) }),
      [app('b', 'x1')],
      { y1: NO_COMPANY, none: NO_COMPANY },
    ],
    [
      'takes the first of its own kind anywhere that has a zone',
      app('a', undefined, { spec: wants(term('a', ZONE)) }),
      [],
      { none: NO_COMPANY },
    ],
    [
      'does not take it where its company is not of its kind and missing',
      app('a', undefined, { spec: wants(term('b', ZONE)) }),
      [],
      { x1: NO_COMPANY, x2: NO_COMPANY, y1: NO_COMPANY, none: NO_COMPANY },
    ],
    [
      'keeps it away from what it avoids',
      app('a', undefined, { spec: avoids(term('b', ZONE)) }),
      [app('b', 'x1')],
      { x1: BAD_COMPANY, x2: BAD_COMPANY },
    ],
    [
      'keeps it away from what avoids it',
      app('a'),
      [app('b', 'x1', { spec: avoids(term('a', ZONE)) })],
      { x1: UNWELCOME, x2: UNWELCOME },
    ],
    [
      'means the pods of its own namespace',
      app('a', undefined, { spec: avoids(term('b')) }),
      [app('b', 'x1', { namespace: 'red' })],
      {},
    ],
    [
      'means those of namespaces that it names',
      app('a', undefined, { spec: avoids(term('b', HOST, { namespaces: ['red'] })) }),
      [app('b', 'x1', { namespace: 'red' }), app('b', 'y1')],
      { x1: BAD_COMPANY },
    ],
    [
      'means those of namespaces that it selects',
      app('a', undefined, { spec: avoids(term('b', HOST, { namespaceSelector: { matchLabels: { team: 'red' } } })) }),
      [app('b', 'x1', { namespace: 'red' }), app('b', 'y1')],
      { x1: BAD_COMPANY },
    ],
    [
      'means those of all namespaces',
      app('a', undefined, { spec: avoids(term('b', HOST, { namespaceSelector: {} })) }),
      [app('b', 'x1', { namespace: 'red' }), app('b', 'y1')],
      { x1: BAD_COMPANY, y1: BAD_COMPANY },
    ],
    [
      'is kept by what avoids the namespace of the pod',
      app('a', undefined, { namespace: 'red' }),
      [app('b', 'x1', { spec: avoids(term('a', HOST, { namespaceSelector: { matchLabels: { team: 'red' } } })) })],
      { x1: UNWELCOME },
    ],
    [
      'wants all of its terms at once',
      app('a', undefined, { spec: wants(term('b'), term('b', ZONE)) }),
      [app('b', 'x1')],
      { x2: NO_COMPANY, y1: NO_COMPANY, none: NO_COMPANY },
    ],
    [
      'tells of a selector that it cannot read',
      app('a', undefined, {
        spec: wants({ topologyKey: HOST, labelSelector: { matchExpressions: [{ key: 'app', operator: 'Like' }] } }),
      }),
      [],
      'parsing pod: "Like" is not a valid label selector operator',
    ],
  ])('%s', (_, pod, pods, expected) => {
    expect(refusals(pod, pods)).toEqual(expected);
  });

  it('can be asked what would be without a pod, without forgetting it', () => {
    const picture = pictureOf(NODES, [app('b', 'x1')], objects);
    const check = settled(interPodAffinity.prepare(podInfo(app('a', undefined, { spec: avoids(term('b')) })), picture));
    const node = picture.node('x1') ?? expect.fail('no node');
    if (check === undefined || isRefusal(check)) return expect.fail('no check');
    const supposed = check.copy?.() ?? expect.fail('no copy');
    supposed.count?.(podInfo(app('b', 'x1')), node, -1);
    expect([supposed.check(node), check.check(node)?.reasons]).toEqual([undefined, [BAD_COMPANY]]);
  });
});

describe('a change helps affinity between pods', () => {
  const gone = (before: Pod): ClusterChange => ({ kind: 'pod', before, after: undefined });
  const came = (after: Pod): ClusterChange => ({ kind: 'pod', before: undefined, after });
  const wanting = app('a', undefined, { spec: wants(term('b')) });
  const avoiding = app('a', undefined, { spec: avoids(term('b')) });

  it.each<[string, Pod, ClusterChange, boolean]>([
    ['company that comes', wanting, came(app('b', 'x1')), true],
    ['company that gets the label', wanting, { kind: 'pod', before: app('c', 'x1'), after: app('b', 'x1') }, true],
    ['other company', wanting, came(app('c', 'x1')), false],
    ['bad company that goes', avoiding, gone(app('b', 'x1')), true],
    ['a pod that avoided it and goes', app('a'), gone(app('b', 'x1', { spec: avoids(term('a')) })), true],
    ['another pod that goes', avoiding, gone(app('c', 'x1')), false],
    [
      'a node that is gone with what was on it',
      app('a'),
      { kind: 'node', before: testNode('n'), after: undefined },
      true,
    ],
    ['a new node', wanting, { kind: 'node', before: undefined, after: testNode('n') }, true],
    [
      'a node that is in another zone',
      wanting,
      { kind: 'node', before: testNode('n'), after: testNode('n', { labels: { [ZONE]: 'x' } }) },
      true,
    ],
    [
      'another node status',
      wanting,
      { kind: 'node', before: testNode('n'), after: testNode('n', { allocatable: { cpu: '9' } }) },
      false,
    ],
    ['a label of its own', wanting, { kind: 'self', before: wanting, after: app('c') }, true],
  ])('%s', (_, pod, change, expected) => {
    expect(interPodAffinity.mayHelp(change, podInfo(pod), pictureOf([], [], objects))).toBe(expected);
  });
});

describe('preferred company', () => {
  const prefers = (kind: 'podAffinity' | 'podAntiAffinity', weight: number, name: string) => ({
    affinity: {
      [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term(name, ZONE) }] },
    },
  });
  const scores = (pod: Pod, pods: readonly Pod[]): readonly number[] | undefined => {
    const picture = pictureOf(NODES, pods, objects);
    const prepared = settled(interPodAffinityScore.prepare(podInfo(pod), picture, picture.nodes));
    if (prepared === undefined) return undefined;
    return prepared.normalize?.(
      picture.nodes.map(node => prepared.score(node)),
      picture.nodes,
    );
  };
  // none of a zone, x1, y1, x2: nodes of different zones come in turn
  const order = pictureOf(NODES).nodes.map(({ name }) => name);

  it.each<[string, Pod, Pod[], Readonly<Record<string, number>> | undefined]>([
    ['nothing to say', app('a'), [app('b', 'x1')], undefined],
    [
      'more where it is',
      app('a', undefined, { spec: prefers('podAffinity', 10, 'b') }),
      [app('b', 'x1')],
      { x1: 100, x2: 100, y1: 0, none: 0 },
    ],
    [
      'in proportion to how much of it',
      app('a', undefined, { spec: prefers('podAffinity', 10, 'b') }),
      [app('b', 'x1'), testPod('b2', { labels: { app: 'b' }, node: 'x2' }), app('b', 'y1')],
      { x1: 100, x2: 100, y1: 50, none: 0 },
    ],
    [
      'less where what it avoids is',
      app('a', undefined, { spec: prefers('podAntiAffinity', 10, 'b') }),
      [app('b', 'x1')],
      { x1: 0, x2: 0, y1: 100, none: 100 },
    ],
    [
      'more where others prefer it',
      app('a'),
      [app('b', 'y1', { spec: prefers('podAffinity', 10, 'a') })],
      { x1: 0, x2: 0, y1: 100, none: 0 },
    ],
    [
      'more where others require it',
      app('a'),
      [app('b', 'y1', { spec: wants(term('a', ZONE)) })],
      { x1: 0, x2: 0, y1: 100, none: 0 },
    ],
  ])('%s', (_, pod, pods, expected) => {
    expect(scores(pod, pods)).toEqual(expected === undefined ? undefined : order.map(name => expected[name]));
  });
});
