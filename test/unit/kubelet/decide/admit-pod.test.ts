import { describe, expect, it } from 'vitest';
import type { Container, Node, Pod, PodSpec } from '../../../../src/api/types/gen/core-v1.ts';
import { admitPod } from '../../../../src/kubelet/decide/admit-pod.ts';

const node = {
  metadata: { name: 'n1', labels: { 'kubernetes.io/os': 'linux', disk: 'fast' } },
  spec: {
    taints: [
      { key: 'gone', effect: 'NoExecute' },
      { key: 'kept', effect: 'NoSchedule' },
    ],
  },
  status: {
    allocatable: { cpu: '2', memory: '1Gi', pods: '3', 'ephemeral-storage': '1000', 'example.com/gpu': '1' },
  },
} as unknown as Node;

function pod(requests: Record<string, string>, spec: Partial<PodSpec> = {}, container: Partial<Container> = {}): Pod {
  return {
    metadata: { name: 'p', namespace: 'default' },
    spec: {
      nodeName: 'n1',
      tolerations: [{ key: 'gone', operator: 'Exists' }],
      containers: [{ name: 'c', resources: { requests }, ...container }],
      ...spec,
    },
  } as unknown as Pod;
}

const port = (hostPort: number, hostIP?: string): Partial<Container> =>
  ({ ports: [{ containerPort: 1, hostPort, ...(hostIP === undefined ? {} : { hostIP }) }] }) as Partial<Container>;

describe('a pod that is bound to the node', () => {
  it.each<[string, Pod, readonly Pod[]]>([
    ['asks for nothing', pod({}), []],
    ['takes the rest', pod({ cpu: '1500m', memory: '1Gi' }), [pod({ cpu: '500m' })]],
    ['asks for what the Node does not tell of', pod({ 'example.com/other': '5' }), []],
    ['asks for nothing of what is overdrawn', pod({}), [pod({ cpu: '5' })]],
    ['takes another port', pod({}, {}, port(81)), [pod({}, {}, port(80))]],
    ['takes a port at another address', pod({}, {}, port(80, '192.0.2.1')), [pod({}, {}, port(80, '192.0.2.2'))]],
    ['selects the node', pod({}, { nodeSelector: { disk: 'fast' } }), []],
  ])('is taken where it %s', (_what, each, others) => expect(admitPod(each, others, node)).toBeUndefined());

  it.each<[string, Pod, readonly Pod[], string, string]>([
    [
      'CPU',
      pod({ cpu: '1501m' }),
      [pod({ cpu: '500m' })],
      'OutOfcpu',
      "Node didn't have enough resource: cpu, requested: 1501, used: 500, capacity: 2000",
    ],
    [
      'memory',
      pod({ memory: '2Gi' }),
      [],
      'OutOfmemory',
      "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
    [
      'storage',
      pod({ 'ephemeral-storage': '1001' }),
      [],
      'OutOfephemeral-storage',
      "Node didn't have enough resource: ephemeral-storage, requested: 1001, used: 0, capacity: 1000",
    ],
    [
      'places',
      pod({ cpu: '9' }),
      [pod({}), pod({}), pod({})],
      'OutOfpods',
      "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
    ],
    [
      'devices',
      pod({ 'example.com/gpu': '1' }),
      [pod({ 'example.com/gpu': '1' })],
      'OutOfexample.com/gpu',
      "Node didn't have enough resource: example.com/gpu, requested: 1, used: 1, capacity: 1",
    ],
    [
      'its label',
      pod({}, { nodeSelector: { disk: 'slow' } }),
      [],
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
    [
      'its name',
      pod({}, { nodeName: 'n2' }),
      [],
      'NodeName',
      "Predicate NodeName failed: node(s) didn't match the requested node name",
    ],
    [
      'its port',
      pod({}, {}, port(80)),
      [pod({}, {}, port(80, '192.0.2.1'))],
      'NodePorts',
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ],
    [
      'patience with a taint',
      pod({}, { tolerations: [] }),
      [],
      'TaintToleration',
      "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    ],
    [
      'its system',
      pod({}, { os: { name: 'windows' } }),
      [],
      'PodOSNotSupported',
      "Failed to admit pod as the OS field doesn't match node OS",
    ],
  ])('is rejected for want of %s', (_what, each, others, reason, message) => {
    expect(admitPod(each, others, node)).toEqual({ reason, message });
  });
});
