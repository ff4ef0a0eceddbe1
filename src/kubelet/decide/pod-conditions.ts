import { isSidecar } from '../../api/pod-resources.ts';
import type { ContainerStatus, PodCondition, PodPhase, PodSpec } from '../../api/types/gen/core-v1.ts';

export interface ResizeProgress {
  /** What the pod asks for cannot be had: not yet, or not on this node. */
  readonly pending: { readonly reason: string; readonly message: string } | undefined;
  /** What was allocated is being carried out. */
  readonly inProgress: { readonly error: string | undefined } | undefined;
}

export interface ConditionsInput {
  readonly spec: PodSpec;
  /** Of the pod; undefined where it has none, as a static pod. */
  readonly generation: number | undefined;
  readonly phase: PodPhase;
  readonly sandboxReady: boolean;
  readonly initStatuses: readonly ContainerStatus[];
  readonly appStatuses: readonly ContainerStatus[];
  readonly resize?: ResizeProgress;
  readonly previous: readonly PodCondition[];
  /** As the API server has them: readiness gates are others' conditions. */
  readonly gates: readonly PodCondition[];
  /** RFC 3339: the transition time of what changed. */
  readonly now: string;
}

type Verdict = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

/** The pod's conditions; a condition keeps its transition time while its status stays. */
export function computeConditions(input: ConditionsInput): readonly PodCondition[] {
  const ready = containersReady(input);
  const verdicts: Verdict[] = [
    { type: 'PodReadyToStartContainers', status: input.sandboxReady ? 'True' : 'False' },
    initialized(input),
    { ...(ready.status === 'True' ? gated(input) : ready), type: 'Ready' },
    { ...ready, type: 'ContainersReady' },
    { type: 'PodScheduled', status: 'True' },
    ...resizeVerdicts(input),
  ];
  return verdicts.map(verdict => {
    const before = input.previous.find(c => c.type === verdict.type);
    return {
      ...verdict,
      ...(input.generation === undefined ? {} : { observedGeneration: input.generation }),
      lastTransitionTime: before?.status === verdict.status ? (before.lastTransitionTime ?? input.now) : input.now,
    };
  });
}

function resizeVerdicts({ resize }: ConditionsInput): readonly Verdict[] {
  const { pending, inProgress } = resize ?? {};
  return [
    ...(pending === undefined ? [] : [{ type: 'PodResizePending', status: 'True', ...pending } as const]),
    ...(inProgress === undefined
      ? []
      : [
          {
            type: 'PodResizeInProgress',
            status: 'True',
            ...(inProgress.error === undefined ? {} : { reason: 'Error', message: inProgress.error }),
          } as const,
        ]),
  ];
}

function initialized({ spec, phase, initStatuses, appStatuses }: ConditionsInput): Verdict {
  const type = 'Initialized';
  if (phase === 'Succeeded') return { type, status: 'True', reason: 'PodCompleted' };
  const appRan = appStatuses.some(s => s.state.running !== undefined || s.lastState.terminated !== undefined);
  const incomplete = (spec.initContainers ?? []).filter((c, i) => {
    const status = initStatuses[i];
    return isSidecar(c) ? status?.started !== true : status?.ready !== true;
  });
  if (incomplete.length === 0 || appRan) return { type, status: 'True' };
  return {
    type,
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.map(c => c.name).join(' ')}]`,
  };
}

/** A pod whose containers are ready waits for the conditions that its gates name. Upstream's texts. */
function gated({ spec, gates }: ConditionsInput): Omit<Verdict, 'type'> {
  const shut = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = gates.find(each => each.type === conditionType);
    if (condition === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (condition.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
  });
  if (shut.length === 0) return { status: 'True' };
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: shut.join(', ') };
}

function containersReady({ spec, phase, initStatuses, appStatuses }: ConditionsInput): Omit<Verdict, 'type'> {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const sidecars = initStatuses.filter((_, i) => {
    const container = spec.initContainers?.[i];
    return container !== undefined && isSidecar(container);
  });
  const unready = [...sidecars, ...appStatuses].filter(s => !s.ready).map(s => s.name);
  if (unready.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}
