import { qosClass } from '../../../../api/pod-resources.ts';
import { equalAs, equalValues } from '../../../../api/semantic-equal.ts';
import type {
  Container,
  Pod,
  PodAffinityTerm,
  PodCondition,
  PodSpec,
  TopologySpreadConstraint,
} from '../../../../api/types/gen/core-v1.ts';
import type { LabelSelector, ObjectMeta } from '../../../../api/types/gen/meta-v1.ts';
import {
  APPARMOR_CONTAINER,
  appArmorOfAnnotation,
  validateAppArmor,
} from '../../../../api/validation/security-profiles.ts';
import type { StrategyContext } from '../../strategy.ts';
import { withoutDisabledFields, withoutDisabledStatus } from './disabled-fields.ts';

const GATED = {
  type: 'PodScheduled',
  status: 'False',
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
} as const;

/** The status of a new pod. A class of service that the writer gave is kept, which upstream does too. */
export function initialPodStatus(pod: Pod): Pod['status'] {
  return { phase: 'Pending', qosClass: (pod.status.qosClass ?? '') === '' ? qosClass(pod) : pod.status.qosClass };
}

/** A new pod: its gates in its conditions, its labels in the selectors that ask for them, old annotations in their fields. */
export function prepareNewPod(pod: Pod, context: StrategyContext): Pod {
  const spec = withoutDisabledFields(pod.spec, undefined);
  const gated = (spec.schedulingGates ?? []).length > 0;
  const status = gated ? { ...pod.status, conditions: [{ ...GATED, lastTransitionTime: context.now }] } : pod.status;
  const labels = pod.metadata.labels ?? {};
  const selecting = withLabelsOfPod(spec, labels);
  return { ...pod, spec: withAppArmorFields(selecting, pod.metadata, context), status };
}

type Labels = Readonly<Record<string, string>>;

function withLabelsOfPod(spec: PodSpec, labels: Labels): PodSpec {
  const { affinity, topologySpreadConstraints } = spec;
  if (affinity === undefined && topologySpreadConstraints === undefined) return spec;
  const sided = (side: 'podAffinity' | 'podAntiAffinity') => {
    const given = affinity?.[side];
    if (given === undefined) return {};
    return {
      [side]: {
        ...given,
        requiredDuringSchedulingIgnoredDuringExecution: given.requiredDuringSchedulingIgnoredDuringExecution?.map(
          term => selectingTerm(term, labels),
        ),
        preferredDuringSchedulingIgnoredDuringExecution: given.preferredDuringSchedulingIgnoredDuringExecution?.map(
          term => ({ ...term, podAffinityTerm: selectingTerm(term.podAffinityTerm, labels) }),
        ),
      },
    };
  };
  return {
    ...spec,
    ...(affinity === undefined
      ? {}
      : { affinity: { ...affinity, ...sided('podAffinity'), ...sided('podAntiAffinity') } }),
    ...(topologySpreadConstraints === undefined
      ? {}
      : { topologySpreadConstraints: topologySpreadConstraints.map(each => selectingConstraint(each, labels)) }),
  };
}

function selectingTerm(term: PodAffinityTerm, labels: Labels): PodAffinityTerm {
  const selector = withKeys(
    withKeys(term.labelSelector, term.matchLabelKeys, 'In', labels),
    term.mismatchLabelKeys,
    'NotIn',
    labels,
  );
  return selector === term.labelSelector ? term : { ...term, labelSelector: selector };
}

function selectingConstraint(constraint: TopologySpreadConstraint, labels: Labels): TopologySpreadConstraint {
  const selector = withKeys(constraint.labelSelector, constraint.matchLabelKeys, 'In', labels);
  return selector === constraint.labelSelector ? constraint : { ...constraint, labelSelector: selector };
}

/** The selector with the values that the pod itself has at some keys. Where there is none, nothing is selected anyway. */
function withKeys(
  selector: LabelSelector | undefined,
  keys: readonly string[] | undefined,
  operator: 'In' | 'NotIn',
  labels: Labels,
): LabelSelector | undefined {
  const own = (keys ?? []).filter(key => Object.hasOwn(labels, key));
  if (selector === undefined || own.length === 0) return selector;
  const added = own.map(key => ({ key, operator, values: [labels[key] ?? ''] }));
  return { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...added] };
}

function withAppArmorFields(spec: PodSpec, metadata: ObjectMeta, context: StrategyContext): PodSpec {
  const annotations = metadata.annotations ?? {};
  if (spec.os?.name === 'windows' || !Object.keys(annotations).some(key => key.startsWith(APPARMOR_CONTAINER)))
    return spec;
  const podProfile = spec.securityContext?.appArmorProfile;
  const filled = <T extends Container>(container: T): T => {
    const key = `${APPARMOR_CONTAINER}${container.name}`;
    const text = annotations[key];
    if (text === undefined || container.securityContext?.appArmorProfile !== undefined) return container;
    const named = appArmorOfAnnotation(text);
    const profile = validateAppArmor(named, '').length > 0 ? undefined : named;
    if (profile !== undefined && equalValues(profile, podProfile)) return container;
    context.warn(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
    return profile === undefined
      ? container
      : { ...container, securityContext: { ...container.securityContext, appArmorProfile: profile } };
  };
  return {
    ...spec,
    initContainers: spec.initContainers?.map(filled),
    containers: spec.containers.map(filled),
    ephemeralContainers: spec.ephemeralContainers?.map(filled),
  };
}

/** A changed pod. */
export function prepareChangedPod(pod: Pod, old: Pod): Pod {
  return { ...pod, spec: withoutDisabledFields(pod.spec, old.spec) };
}

/** What a kubelet says of a pod. Owners, the class of service and generations that it leaves out stay. */
export function preparePodStatus(pod: Pod, old: Pod): Pod {
  const { status } = pod;
  const before = generationsByType(old.status.conditions ?? []);
  const conditions = status.conditions?.map(condition => withGeneration(condition, before));
  const observed = status.observedGeneration ?? 0;
  const kept = observed === 0 ? old.status.observedGeneration : observed;
  const qos = (status.qosClass ?? '') === '' ? old.status.qosClass : status.qosClass;
  return {
    ...pod,
    metadata: { ...pod.metadata, ownerReferences: old.metadata.ownerReferences },
    status: {
      ...withoutDisabledStatus(status, old.status),
      ...(conditions === undefined ? {} : { conditions }),
      ...(kept === undefined ? {} : { observedGeneration: kept }),
      ...(qos === undefined ? {} : { qosClass: qos }),
    },
  };
}

function generationsByType(conditions: readonly PodCondition[]): ReadonlyMap<string, Iterator<number>> {
  const generations = new Map<string, number[]>();
  for (const { type, observedGeneration = 0 } of conditions) {
    const known = generations.get(type);
    if (known === undefined) generations.set(type, [observedGeneration]);
    else known.push(observedGeneration);
  }
  return new Map([...generations].map(([type, all]) => [type, all.values()]));
}

/** Several conditions may have one type, so each takes the next generation that the old ones had. */
function withGeneration(condition: PodCondition, before: ReadonlyMap<string, Iterator<number>>): PodCondition {
  const was = before.get(condition.type)?.next().value ?? 0;
  return (condition.observedGeneration ?? 0) === 0 && was !== 0 ? { ...condition, observedGeneration: was } : condition;
}

/** Through pods/ephemeralcontainers nothing but those containers changes. */
export function prepareEphemeralContainers(pod: Pod, old: Pod): Pod {
  const spec = { ...old.spec, ephemeralContainers: pod.spec.ephemeralContainers };
  return counted(
    {
      ...pod,
      metadata: ofStored(pod.metadata, old.metadata),
      spec: withoutDisabledFields(spec, old.spec),
      status: old.status,
    },
    old,
  );
}

/** Through pods/resize nothing but resources and what they restart changes. A change of the containers themselves is left for the rules to find. */
export function prepareResize(pod: Pod, old: Pod): Pod {
  const { spec } = pod;
  const inits = spec.initContainers ?? [];
  const oldInits = old.spec.initContainers ?? [];
  if (spec.containers.length !== old.spec.containers.length || inits.length !== oldInits.length)
    return counted({ ...pod, spec: withoutDisabledFields(spec, old.spec) }, old);
  const resized: PodSpec = {
    ...old.spec,
    resources: spec.resources,
    containers: resizedContainers(spec.containers, old.spec.containers),
    ...(spec.initContainers === undefined ? {} : { initContainers: resizedContainers(inits, oldInits) }),
  };
  return counted({ ...pod, metadata: ofStored(pod.metadata, old.metadata), spec: resized, status: old.status }, old);
}

function resizedContainers(after: readonly Container[], before: readonly Container[]): readonly Container[] {
  if (after.some((container, index) => container.name !== before[index]?.name)) return after;
  return before.map((container, index) => ({
    ...container,
    resources: after[index]?.resources ?? container.resources,
    resizePolicy: after[index]?.resizePolicy,
  }));
}

/** The metadata of a subresource's write: everything that a writer of the pod itself may set comes from the stored one. */
function ofStored(metadata: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const { labels, annotations, finalizers, ownerReferences } = old;
  return { ...metadata, labels, annotations, finalizers, ownerReferences };
}

function counted(pod: Pod, old: Pod): Pod {
  const generation = (old.metadata.generation ?? 0) + (equalAs('core/v1.PodSpec', pod.spec, old.spec) ? 0 : 1);
  return { ...pod, metadata: { ...pod.metadata, generation } };
}
