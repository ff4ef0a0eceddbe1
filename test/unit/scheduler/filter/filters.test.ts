import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { ClusterChange } from '../../../../src/scheduler/cluster-change.ts';
import { FILTERS, PodChecks, prepareChecks } from '../../../../src/scheduler/filter/all.ts';
import type { Refusal } from '../../../../src/scheduler/filter/filter.ts';
import { podInfo } from '../../../../src/scheduler/pod-info.ts';
import { NO_OBJECTS, pictureOf, settled, testNode, testPod } from '../../../harness/scheduling.ts';

const TAINT = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
const CORDON = { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' };

/** What is said of node `n` for a pod. */
function refusal(pod: Pod, node: Node, others: readonly Pod[] = []): Refusal | undefined {
  const picture = pictureOf([node], others);
  const checks = settled(prepareChecks(podInfo(pod), picture));
  return checks instanceof PodChecks ? checks.check(picture.nodes[0] ?? expect.fail('no node')) : checks;
}

const port = (hostPort: number, more: object = {}) => ({
  containers: [{ name: 'c', resources: {}, ports: [{ hostPort, containerPort: hostPort, protocol: 'TCP', ...more }] }],
});
const named = (...names: string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: names.map(name => ({
          matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }],
        })),
      },
    },
  },
});

describe('a node takes a pod', () => {
  it.each<[string, Pod, Node, Pod[]]>([
    ['that asks for nothing', testPod('p'), testNode('n'), []],
    ['that asks for all that there is', testPod('p', { requests: { cpu: '4', memory: '8Gi' } }), testNode('n'), []],
    [
      'that asks for all that is left',
      testPod('p', { requests: { cpu: '1' } }),
      testNode('n'),
      [testPod('o', { requests: { cpu: '3' }, node: 'n' })],
    ],
    [
      'that tolerates its taint',
      testPod('p', { spec: { tolerations: [{ key: 'dedicated', operator: 'Exists' }] } }),
      testNode('n', { taints: [TAINT] }),
      [],
    ],
    [
      'with a taint that only asks to stay away',
      testPod('p'),
      testNode('n', { taints: [{ ...TAINT, effect: 'PreferNoSchedule' }] }),
      [],
    ],
    [
      'that tolerates its being cordoned',
      testPod('p', { spec: { tolerations: [CORDON] } }),
      testNode('n', { unschedulable: true }),
      [],
    ],
    [
      'that selects its labels',
      testPod('p', { spec: { nodeSelector: { disk: 'ssd' } } }),
      testNode('n', { labels: { disk: 'ssd' } }),
      [],
    ],
    ['that names it', testPod('p', { spec: named('m', 'n') }), testNode('n'), []],
    [
      'whose host port is free',
      testPod('p', { spec: port(80) }),
      testNode('n'),
      [testPod('o', { node: 'n', spec: port(81) })],
    ],
    [
      'whose host port is taken for another protocol',
      testPod('p', { spec: port(80) }),
      testNode('n'),
      [testPod('o', { node: 'n', spec: port(80, { protocol: 'UDP' }) })],
    ],
    [
      'whose host port is taken at another address',
      testPod('p', { spec: port(80, { hostIP: '10.0.0.1' }) }),
      testNode('n'),
      [testPod('o', { node: 'n', spec: port(80, { hostIP: '10.0.0.2' }) })],
    ],
    [
      'that asks for an extended resource of it',
      testPod('p', { requests: { 'example.com/gpu': '1' } }),
      testNode('n', { allocatable: { 'example.com/gpu': '1' } }),
      [],
    ],
    ['that asks for what nodes do not count', testPod('p', { requests: { storage: '1Ti' } }), testNode('n'), []],
  ])('%s', (_, pod, node, others) => {
    expect(refusal(pod, node, others)).toBeUndefined();
  });
});

describe('a node does not take a pod', () => {
  const FULL = [testPod('o', { requests: { cpu: '3', memory: '6Gi' }, node: 'n' })];

  it.each<[string, Pod, Node, Pod[], string, boolean, string[]]>([
    [
      'that asks for more CPU than is left',
      testPod('p', { requests: { cpu: '1001m' } }),
      testNode('n'),
      FULL,
      'NodeResourcesFit',
      false,
      ['Insufficient cpu'],
    ],
    [
      'that asks for more than it ever has',
      testPod('p', { requests: { cpu: '4001m' } }),
      testNode('n'),
      FULL,
      'NodeResourcesFit',
      true,
      ['Insufficient cpu'],
    ],
    [
      'that asks for too much of several',
      testPod('p', { requests: { cpu: '2', memory: '3Gi', 'ephemeral-storage': '1' } }),
      testNode('n', { allocatable: { 'ephemeral-storage': '1Gi' } }),
      FULL,
      'NodeResourcesFit',
      false,
      ['Insufficient cpu', 'Insufficient memory'],
    ],
    [
      'that asks for what it does not have',
      testPod('p', { requests: { 'example.com/gpu': '1' } }),
      testNode('n'),
      [],
      'NodeResourcesFit',
      true,
      ['Insufficient example.com/gpu'],
    ],
    [
      'when it has as many as it takes',
      testPod('p'),
      testNode('n', { allocatable: { pods: '1' } }),
      FULL,
      'NodeResourcesFit',
      false,
      ['Too many pods'],
    ],
    [
      'whose init container asks for more than its containers',
      testPod('p', { spec: { initContainers: [{ name: 'i', resources: { requests: { cpu: '2' } } }] } }),
      testNode('n'),
      FULL,
      'NodeResourcesFit',
      false,
      ['Insufficient cpu'],
    ],
    [
      'whose sidecar and container together ask for too much',
      testPod('p', {
        requests: { cpu: '600m' },
        spec: { initContainers: [{ name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '600m' } } }] },
      }),
      testNode('n'),
      FULL,
      'NodeResourcesFit',
      false,
      ['Insufficient cpu'],
    ],
    [
      'whose overhead is too much',
      testPod('p', { requests: { cpu: '1' }, spec: { overhead: { cpu: '1m' } } }),
      testNode('n'),
      FULL,
      'NodeResourcesFit',
      false,
      ['Insufficient cpu'],
    ],
    [
      'that asks for too much as a whole',
      testPod('p', { requests: { cpu: '1m' }, spec: { resources: { requests: { cpu: '2' } } } }),
      testNode('n'),
      FULL,
      'NodeResourcesFit',
      false,
      ['Insufficient cpu'],
    ],
    [
      'that does not tolerate its taint',
      testPod('p'),
      testNode('n', { taints: [TAINT] }),
      [],
      'TaintToleration',
      true,
      ['node(s) had untolerated taint(s)'],
    ],
    [
      'when it is cordoned, whatever else',
      testPod('p'),
      testNode('n', { unschedulable: true, taints: [TAINT] }),
      [],
      'NodeUnschedulable',
      true,
      ['node(s) were unschedulable'],
    ],
    [
      'that selects other labels',
      testPod('p', { spec: { nodeSelector: { disk: 'ssd' } } }),
      testNode('n'),
      [],
      'NodeAffinity',
      true,
      ["node(s) didn't match Pod's node affinity/selector"],
    ],
    [
      'that names another',
      testPod('p', { spec: { nodeName: 'm' } }),
      testNode('n'),
      [],
      'NodeName',
      true,
      ["node(s) didn't match the requested node name"],
    ],
    [
      'whose host port is taken',
      testPod('p', { spec: port(80) }),
      testNode('n'),
      [testPod('o', { node: 'n', spec: port(80) })],
      'NodePorts',
      false,
      ["node(s) didn't have free ports for the requested pod ports"],
    ],
    [
      'whose host port is taken at all addresses',
      testPod('p', { spec: port(80, { hostIP: '10.0.0.1' }) }),
      testNode('n'),
      [testPod('o', { node: 'n', spec: port(80) })],
      'NodePorts',
      false,
      ["node(s) didn't have free ports for the requested pod ports"],
    ],
    [
      'that wants a port at all addresses which is taken at one',
      testPod('p', { spec: port(80) }),
      testNode('n'),
      [testPod('o', { node: 'n', spec: port(80, { hostIP: '10.0.0.1' }) })],
      'NodePorts',
      false,
      ["node(s) didn't have free ports for the requested pod ports"],
    ],
  ])('%s', (_, pod, node, others, plugin, isFinal, reasons) => {
    expect(refusal(pod, node, others)).toEqual({ plugin, isFinal, reasons });
  });

  it('that contradicts itself in the names of its only term', () => {
    const matchFields = ['a', 'b'].map(name => ({ key: 'metadata.name', operator: 'In', values: [name] }));
    const spec = {
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } },
      },
    };
    expect(refusal(testPod('p', { spec }), testNode('n'))).toEqual({
      plugin: 'NodeAffinity',
      isFinal: true,
      reasons: ['pod affinity terms conflict'],
    });
  });
});

describe('a change may undo a refusal', () => {
  const node = (before: Node | undefined, after: Node | undefined): ClusterChange => ({ kind: 'node', before, after });
  const gone = (before: Pod): ClusterChange => ({ kind: 'pod', before, after: undefined });
  const self = (before: Pod, after: Pod): ClusterChange => ({ kind: 'self', before, after });
  const ONE = testPod('p', { requests: { cpu: '1' } });
  const SSD = testPod('p', { spec: { nodeSelector: { disk: 'ssd' } } });
  const TOLERANT = testPod('p', { spec: { tolerations: [{ operator: 'Exists' }] } });

  it.each<[string, string, Pod, ClusterChange, boolean]>([
    ['NodeResourcesFit', 'a node that is large enough', ONE, node(undefined, testNode('n')), true],
    [
      'NodeResourcesFit',
      'a node that is too small even empty',
      ONE,
      node(undefined, testNode('n', { allocatable: { cpu: '1m' } })),
      false,
    ],
    [
      'NodeResourcesFit',
      'a node that has grown in what is wanted',
      ONE,
      node(testNode('n'), testNode('n', { allocatable: { cpu: '5' } })),
      true,
    ],
    [
      'NodeResourcesFit',
      'a node that takes more pods',
      ONE,
      node(testNode('n'), testNode('n', { allocatable: { pods: '111' } })),
      true,
    ],
    [
      'NodeResourcesFit',
      'a node that has grown in something else',
      ONE,
      node(testNode('n'), testNode('n', { allocatable: { memory: '9Gi' } })),
      false,
    ],
    ['NodeResourcesFit', 'a node that is gone', ONE, node(testNode('n'), undefined), false],
    ['NodeResourcesFit', 'a pod that is gone', ONE, gone(testPod('o', { node: 'n' })), true],
    [
      'NodeResourcesFit',
      'a pod that has come',
      ONE,
      { kind: 'pod', before: undefined, after: testPod('o', { node: 'n' }) },
      false,
    ],
    [
      'NodeResourcesFit',
      'a pod that asks for less now',
      ONE,
      {
        kind: 'pod',
        before: testPod('o', { requests: { cpu: '2' } }),
        after: testPod('o', { requests: { cpu: '1' } }),
      },
      true,
    ],
    ['NodeResourcesFit', 'its own asking for less', ONE, self(ONE, testPod('p', { requests: { cpu: '1m' } })), true],
    [
      'TaintToleration',
      'a taint that is taken away',
      ONE,
      node(testNode('n', { taints: [TAINT] }), testNode('n')),
      true,
    ],
    ['TaintToleration', 'a node with the taint', ONE, node(undefined, testNode('n', { taints: [TAINT] })), false],
    [
      'TaintToleration',
      'a node that had no taint before',
      ONE,
      node(testNode('n'), testNode('n', { labels: { a: 'b' } })),
      false,
    ],
    ['TaintToleration', 'a toleration of its own', ONE, self(ONE, TOLERANT), true],
    ['TaintToleration', 'another change of its own', ONE, self(ONE, testPod('p', { labels: { a: 'b' } })), false],
    [
      'NodeUnschedulable',
      'a node that is uncordoned',
      ONE,
      node(testNode('n', { unschedulable: true }), testNode('n')),
      true,
    ],
    [
      'NodeUnschedulable',
      'a node that was not cordoned',
      ONE,
      node(testNode('n'), testNode('n', { labels: { a: 'b' } })),
      false,
    ],
    ['NodeUnschedulable', 'a toleration of its own for that', ONE, self(ONE, TOLERANT), true],
    ['NodeAffinity', 'a node with the label', SSD, node(undefined, testNode('n', { labels: { disk: 'ssd' } })), true],
    [
      'NodeAffinity',
      'a node that gets the label',
      SSD,
      node(testNode('n'), testNode('n', { labels: { disk: 'ssd' } })),
      true,
    ],
    [
      'NodeAffinity',
      'a node that had the label',
      SSD,
      node(testNode('n', { labels: { disk: 'ssd' } }), testNode('n', { labels: { disk: 'ssd', a: 'b' } })),
      false,
    ],
    ['NodeAffinity', 'a node without it', SSD, node(undefined, testNode('n')), false],
    ['NodeName', 'a node', ONE, node(undefined, testNode('n')), true],
    ['NodePorts', 'a node', testPod('p', { spec: port(80) }), node(undefined, testNode('n')), true],
    [
      'NodePorts',
      'the end of a pod with the port',
      testPod('p', { spec: port(80) }),
      gone(testPod('o', { node: 'n', spec: port(80) })),
      true,
    ],
    [
      'NodePorts',
      'the end of a pod with another port',
      testPod('p', { spec: port(80) }),
      gone(testPod('o', { node: 'n', spec: port(81) })),
      false,
    ],
  ])('of %s: %s', (name, _, pod, change, expected) => {
    const filter = FILTERS.find(each => each.name === name) ?? expect.fail(`no filter ${name}`);
    const picture = { ...NO_OBJECTS, ...pictureOf([]) };
    expect(filter.changes).toContain(change.kind);
    expect(filter.mayHelp(change, podInfo(pod), picture)).toBe(expected);
  });
});
