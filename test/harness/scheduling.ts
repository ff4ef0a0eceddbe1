import type { Node, Pod } from '../../src/api/types/gen/core-v1.ts';
import { Cluster } from '../../src/scheduler/cluster.ts';
import { type ObjectPicture, type Picture, wholePicture } from '../../src/scheduler/picture.ts';
import { podInfo } from '../../src/scheduler/pod-info.ts';
import { isSteps, type Steps } from '../../src/scheduler/steps.ts';

/** What of a node matters to a test; the rest is 4 CPUs, 8 GiB and 110 pods without taints. */
export interface NodeFacts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly taints?: readonly object[];
  readonly unschedulable?: boolean;
  readonly images?: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[];
}

export function testNode(name: string, facts: NodeFacts = {}): Node {
  const { labels = {}, allocatable = {}, taints, unschedulable, images } = facts;
  return {
    metadata: { name, uid: `uid-${name}`, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: { taints, unschedulable },
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable }, images },
  } as unknown as Node;
}

/** What of a pod matters to a test: its requests, its labels, and whatever of its spec. */
export interface PodFacts {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
  readonly node?: string;
  readonly priority?: number;
  readonly spec?: object;
  readonly status?: object;
  readonly metadata?: object;
}

export function testPod(name: string, facts: PodFacts = {}): Pod {
  const { namespace = 'default', labels = {}, requests = {}, node, priority, spec = {}, status = {} } = facts;
  return {
    metadata: { name, namespace, uid: `uid-${namespace}-${name}`, labels, ...facts.metadata },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [{ name: 'c', image: 'registry.test/c:1', resources: { requests } }],
      ...(node === undefined ? {} : { nodeName: node }),
      ...(priority === undefined ? {} : { priority }),
      ...spec,
    },
    status,
  } as unknown as Pod;
}

/** Nothing but nodes and pods; every namespace is there, without labels. */
export const NO_OBJECTS: ObjectPicture = {
  namespaceLabels: () => ({}),
  claim: () => undefined,
  volume: () => undefined,
  storageClass: () => undefined,
  spreadSelector: () => undefined,
  disruptionBudgets: () => [],
};

/** A picture of nodes and the pods on them. */
export function pictureOf(
  nodes: readonly Node[],
  pods: readonly Pod[] = [],
  objects: Partial<ObjectPicture> = {},
): Picture {
  const cluster = new Cluster();
  for (const node of nodes) cluster.setNode(node);
  for (const pod of pods) cluster.confirm(podInfo(pod));
  return wholePicture(cluster, { ...NO_OBJECTS, ...objects });
}

/** What is found out, all steps at once. */
export function settled<T>(answer: T | Steps<T>): T {
  if (!isSteps(answer)) return answer;
  for (let step = answer.next(); ; step = answer.next()) if (step.done === true) return step.value;
}
