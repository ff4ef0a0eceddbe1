import { requiredNodes } from '../../api/selectors/node-selector.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import { untoleratedTaint } from '../../api/tolerations.ts';
import type { DaemonSet } from '../../api/types/gen/apps-v1.ts';
import type { Affinity, Node, Pod, PodSpec, PodTemplateSpec, Toleration } from '../../api/types/gen/core-v1.ts';
import { REVISION_HASH } from '../revisions/plan.ts';

/** Where the pods of a daemon set belong, and what they are like. Pure. */

const GENERATION_LABEL = 'pod-template-generation';
const GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';
const NAME_FIELD = 'metadata.name';

export interface Fitness {
  /** A pod belongs here. */
  readonly shouldRun: boolean;
  /** One that is here may stay: a taint against placing does not send it away. */
  readonly mayStay: boolean;
}

const ELSEWHERE: Fitness = { shouldRun: false, mayStay: false };

/** What a daemon set makes of nodes, ready to be asked of many. */
export function fitnessOf({ spec }: DaemonSet): (node: Node) => Fitness {
  const { nodeName = '' } = spec.template.spec;
  const allowed = requiredNodes(spec.template.spec);
  const tolerations = daemonTolerations(spec.template.spec);
  return node => {
    if (nodeName !== '' && nodeName !== node.metadata.name) return ELSEWHERE;
    if (allowed !== undefined && !allowed.matches(node)) return ELSEWHERE;
    const isTolerated = (...effects: string[]): boolean =>
      untoleratedTaint(node.spec.taints, tolerations, effects) === undefined;
    if (isTolerated('NoExecute', 'NoSchedule')) return { shouldRun: true, mayStay: true };
    return { shouldRun: false, mayStay: isTolerated('NoExecute') };
  };
}

/** Daemons stay on nodes that are lost, and come to nodes that are short of something or cordoned. */
function daemonTolerations({ tolerations = [], hostNetwork }: PodSpec): readonly Toleration[] {
  const always: readonly (readonly [name: string, effect: Toleration['effect']])[] = [
    ['not-ready', 'NoExecute'],
    ['unreachable', 'NoExecute'],
    ['disk-pressure', 'NoSchedule'],
    ['memory-pressure', 'NoSchedule'],
    ['pid-pressure', 'NoSchedule'],
    ['unschedulable', 'NoSchedule'],
    ...(hostNetwork === true ? [['network-unavailable', 'NoSchedule'] as const] : []),
  ];
  let result = tolerations;
  for (const [name, effect] of always) {
    const wanted: Toleration = { key: `node.kubernetes.io/${name}`, operator: 'Exists', effect };
    const isSame = ({ key, operator, effect: its, value = '' }: Toleration): boolean =>
      key === wanted.key && operator === 'Exists' && its === effect && value === '';
    if (!result.some(isSame)) result = [...result, wanted];
    // one for a time becomes one for ever
    else result = result.map(each => (isSame(each) && !equalValues(each, wanted) ? wanted : each));
  }
  return result;
}

/** The template of the pod of one node. The scheduler binds it, by an affinity to the name. */
export function daemonTemplate(set: DaemonSet, hash: string, node: string): PodTemplateSpec {
  const { template } = set.spec;
  const generation = generationOf(set);
  return {
    ...template,
    metadata: {
      ...template.metadata,
      labels: {
        ...template.metadata?.labels,
        ...(generation === undefined ? {} : { [GENERATION_LABEL]: generation }),
        ...(hash === '' ? {} : { [REVISION_HASH]: hash }),
      },
    },
    spec: {
      ...template.spec,
      tolerations: daemonTolerations(template.spec),
      affinity: toNode(template.spec.affinity, node),
    },
  };
}

function generationOf({ metadata }: DaemonSet): string | undefined {
  const text = metadata.annotations?.[GENERATION_ANNOTATION];
  return text !== undefined && /^\d{1,18}$/.test(text) ? text : undefined;
}

function toNode(affinity: Affinity | undefined, node: string): Affinity {
  const nodeSelectorTerms = [{ matchFields: [{ key: NAME_FIELD, operator: 'In' as const, values: [node] }] }];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
    },
  };
}

/** The node of a pod: where it is, or where it is to be; undefined for one that somebody else made without saying. */
export function nodeOfDaemon({ spec }: Pod): string | undefined {
  if ((spec.nodeName ?? '') !== '') return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = (required?.nodeSelectorTerms ?? []).flatMap(({ matchFields = [] }) => matchFields);
  const named = fields.find(({ key, operator }) => key === NAME_FIELD && operator === 'In');
  return named?.values?.length === 1 ? named.values[0] : undefined;
}

/** True for a pod of the present template, by its hash or, from older clusters, by its generation. */
export function isPresent(pod: Pod, set: DaemonSet, hash: string): boolean {
  const labels = pod.metadata.labels ?? {};
  const generation = generationOf(set);
  return (
    (hash !== '' && labels[REVISION_HASH] === hash) ||
    (generation !== undefined && labels[GENERATION_LABEL] === generation)
  );
}

/** Those that are placed first, then the oldest, then by name. */
export function byAge(pods: readonly Pod[]): readonly Pod[] {
  const key = ({ metadata, spec }: Pod): string =>
    `${(spec.nodeName ?? '') === '' ? 1 : 0} ${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
  return pods.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}
