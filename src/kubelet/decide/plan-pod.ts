import type { Container } from '../../api/types/gen/core-v1.ts';
import type { ObservedPod, ObservedSandbox } from '../observed/observed-pod.ts';
import { hasFiles } from '../volumes/plan.ts';
import type { ActionOf, ContainerToKill, Plan, PodAction } from './actions.ts';
import {
  type ContainerDecision,
  type ContainerRole,
  type DecideInput,
  deadlineOf,
  decideContainer,
  decideInit,
  isFinished,
} from './decide-container.ts';
import { containerOf, neededImages } from './needed-images.ts';
import { planGarbage } from './plan-garbage.ts';
import { planResize } from './plan-resize.ts';
import { FILES, type ImageState, imageOf, POD, pullBackoffShownAt } from './pod-memory.ts';
import { sidecarsOf } from './restart-policy.ts';

/** Upstream never asks a runtime for a shorter grace than this, so that a process sees its signal at all. */
const MINIMUM_GRACE_SECONDS = 2;
const DEFAULT_GRACE_SECONDS = 30;

/**
 * The steps from what is observed towards a running pod. Safe to ask again at any time: with nothing to do it returns no actions. A plan is
 * run to its first failure and never resumed; the next one is made from a fresh observation.
 */
export function planPod(input: DecideInput): Plan {
  const deadline = deadlineOf(input);
  if (deadline !== undefined && deadline <= input.now)
    return planStop(input, 'the pod ran longer than its activeDeadlineSeconds');
  if (input.desired.finished === true || isFinished(input)) return planStop(input, 'the pod has finished');
  const plan = planRunning(input);
  return { ...plan, wakeAt: earliest(plan.wakeAt, deadline) };
}

function planRunning(input: DecideInput): Plan {
  const { observed, desired } = input;
  const ready = observed.sandboxes.filter(s => s.state === 'ready');
  const [sandbox, ...extra] = ready;
  if (extra.length > 0) return stopSandboxes(input, extra, 'the pod has a newer ready sandbox');
  if (sandbox === undefined) return planSandbox(input);
  if (sandbox.ips.length === 0 && desired.pod.spec.hostNetwork !== true)
    return stopSandboxes(input, [sandbox], 'it has no IP address');
  return planContainers(input, sandbox);
}

/** No sandbox is ready: end what is left of the old one, then make the next. */
function planSandbox(input: DecideInput): Plan {
  const { observed, memory, now } = input;
  const running = observed.containers.filter(c => c.state === 'running' || c.state === 'unknown');
  if (running.length > 0)
    return act([
      { kind: 'kill-containers', containers: toKill(input, running), because: 'their sandbox is not ready' },
    ]);
  const dead = observed.sandboxes.find(s => !memory.stoppedSandboxes.has(s.id));
  if (dead !== undefined)
    return act([{ kind: 'stop-sandbox', id: dead.id, because: 'it is not ready; its network must be released' }]);
  const actions: PodAction[] = imagesToEnsure(input, startable(input));
  const failure = memory.failures.get(POD);
  if (failure !== undefined && failure.retryAt > now) return { actions, wakeAt: failure.retryAt, gone: false };
  const wake = startableAt(input);
  if (wake !== undefined && wake > now) return { actions: [], wakeAt: wake, gone: false };
  actions.push(...preparations(input));
  const attempt = observed.sandboxes.reduce((max, s) => Math.max(max, s.attempt + 1), 0);
  actions.push({
    kind: 'create-sandbox',
    attempt,
    because: attempt === 0 ? 'the pod has no sandbox' : 'its sandbox is not ready any more',
  });
  return act(actions);
}

/** What a pod needs before its first container, made again after a restart of the kubelet: each is idempotent. */
function preparations({ memory }: DecideInput): PodAction[] {
  const actions: PodAction[] = [];
  if (memory.volumes !== 'made') actions.push({ kind: 'make-volumes', because: 'containers will mount them' });
  if (memory.cgroup !== 'made') actions.push({ kind: 'make-cgroup', because: 'the pod is to run under its limits' });
  return actions;
}

/** The init containers and app containers that will need an image. */
function startable(input: DecideInput): readonly Container[] {
  const { spec } = input.desired.pod;
  return [
    ...(spec.initContainers ?? []),
    ...spec.containers.filter(c => decideContainer(input, c, 'app', undefined).do !== 'nothing'),
  ];
}

/** When every container that shall run waits for its back-off, a sandbox made now would only stand idle. */
function startableAt(input: DecideInput): number | undefined {
  if ((input.desired.pod.spec.initContainers ?? []).length > 0) return undefined;
  const decisions = input.desired.pod.spec.containers.map(c => decideContainer(input, c, 'app', undefined));
  const pending = decisions.filter(d => d.do !== 'nothing');
  const waits = pending.filter(d => d.do === 'wait');
  return waits.length === pending.length ? earliest(...waits.map(w => w.until)) : undefined;
}

function planContainers(input: DecideInput, sandbox: ObservedSandbox): Plan {
  const { memory, now } = input;
  const actions: PodAction[] = [];
  let wakeAt: number | undefined;
  const init = decideInit(input, sandbox.id);
  const { containers, ephemeralContainers = [] } = input.desired.pod.spec;
  // they are for looking into what hangs: initialisation is not waited for
  const due: (readonly [Container, ContainerRole])[] = ephemeralContainers.map(c => [c, 'ephemeral'] as const);
  due.push(...init.due.map(c => [c, 'init'] as const));
  if (init.state === 'done') due.push(...containers.map(c => [c, 'app'] as const));

  const kills: { readonly container: ContainerToKill; readonly because: string }[] = [];
  const starts: PodAction[] = [];
  for (const [container, role] of due) {
    const decision = decideContainer(input, container, role, sandbox.id);
    if (decision.do === 'nothing') continue;
    if (decision.do === 'wait') {
      wakeAt = earliest(wakeAt, decision.until);
      continue;
    }
    if (decision.do === 'kill') {
      const next = decision.next === undefined ? undefined : planNext(input, container, decision.next, sandbox.id);
      if (next !== undefined) starts.push(next);
      if (next?.kind === 'ensure-image') continue;
      for (const victim of toKill(input, [decision.container], decision.graceSeconds))
        kills.push({ container: { ...victim, message: decision.message }, because: decision.because });
      continue;
    }
    if (decision.do === 'remove') {
      starts.push({ kind: 'remove-container', container: container.name, id: decision.id, because: decision.because });
      continue;
    }
    const failure = memory.failures.get(container.name);
    if (failure !== undefined && failure.retryAt > now) {
      wakeAt = earliest(wakeAt, failure.retryAt);
      continue;
    }
    const step = planStart(input, container, decision, sandbox.id);
    if ('wakeAt' in step) wakeAt = earliest(wakeAt, step.wakeAt);
    else starts.push(...step.actions);
  }

  const resize = planResize(input, sandbox.id, kills.length > 0);
  if ('wakeAt' in resize) wakeAt = earliest(wakeAt, resize.wakeAt);
  else actions.push(...resize.before);

  const [firstKill] = kills;
  if (firstKill !== undefined)
    actions.push({ kind: 'kill-containers', containers: kills.map(k => k.container), because: firstKill.because });
  if ('after' in resize) actions.push(...resize.after);
  const prepare = preparationsBefore(input, starts);
  const update = prepare.some(a => a.kind === 'make-volumes') ? undefined : planFiles(input);
  if (update !== undefined && 'wakeAt' in update) wakeAt = earliest(wakeAt, update.wakeAt);
  else if (update !== undefined) actions.push(update);
  actions.push(...prepare, ...starts, ...planGarbage(input.observed, sandbox.id));
  return { actions, wakeAt, gone: false };
}

/** The pod runs, and what its volumes show may have changed since they were written, or while no kubelet looked. */
function planFiles({ desired, memory, now }: DecideInput): PodAction | { readonly wakeAt: number } | undefined {
  if (memory.files === 'current' || !hasFiles(desired.pod.spec)) return undefined;
  const failure = memory.failures.get(FILES);
  if (failure !== undefined && failure.retryAt > now) return { wakeAt: failure.retryAt };
  return { kind: 'update-volumes', because: 'what they show may have changed' };
}

/** The pod's cgroup and volumes are looked after once per life of the kubelet, at the first start. */
function preparationsBefore(input: DecideInput, starts: readonly PodAction[]): PodAction[] {
  return starts.some(a => a.kind === 'start-container' || a.kind === 'start-created') ? preparations(input) : [];
}

/**
 * What follows the end of a container whose definition changed. Its successor starts in the same plan where its image is here, so that nobody is told of the moment
 * between them, as with upstream; an image that must be pulled first keeps nobody alive.
 */
function planNext(
  input: DecideInput,
  container: Container,
  next: Extract<ContainerDecision, { readonly do: 'start' }>,
  sandboxId: string,
): ActionOf<'ensure-image' | 'start-container'> | undefined {
  if ((input.memory.failures.get(container.name)?.retryAt ?? 0) > input.now) return undefined;
  const images = neededImages(input.desired.pod.spec, container).map(needed => imageOf(input.memory, needed));
  if (images.some(image => image?.state === 'pulling' || image?.state === 'failed')) return undefined;
  const step = planStart(input, container, next, sandboxId);
  const action = 'actions' in step ? step.actions[0] : undefined;
  return action?.kind === 'ensure-image' || action?.kind === 'start-container' ? action : undefined;
}

function planStart(
  input: DecideInput,
  container: Container,
  decision: Extract<ContainerDecision, { readonly do: 'start' | 'start-created' }>,
  sandboxId: string,
): { readonly actions: readonly PodAction[] } | { readonly wakeAt: number | undefined } {
  if (decision.do === 'start-created')
    return {
      actions: [{ kind: 'start-created', container: container.name, id: decision.id, because: decision.because }],
    };
  const actions = imagesToEnsure(input, [container]);
  if (actions.length > 0) return { actions };
  const images = neededImages(input.desired.pod.spec, container).map(needed => imageOf(input.memory, needed));
  if (images.some(image => image?.state !== 'present'))
    return { wakeAt: earliest(...images.map(image => retryOf(image, input.now))) };
  return {
    actions: [
      {
        kind: 'start-container',
        container: container.name,
        sandboxId,
        restartCount: decision.restartCount,
        backoff: decision.backoff,
        because: decision.because,
      },
    ],
  };
}

const imageReason = (again: boolean): string => (again ? 'the last pull failed' : 'its container is about to start');

function imagesToEnsure(input: DecideInput, containers: readonly Container[]): PodAction[] {
  const needed = containers.flatMap(c => neededImages(input.desired.pod.spec, c));
  return needed.flatMap((wanted): PodAction[] => {
    const image = imageOf(input.memory, wanted);
    if (image?.state === 'pulling' || image?.state === 'present') return [];
    if (image?.state === 'failed' && image.retryAt > input.now) return [];
    const container = containerOf(wanted);
    const because = imageReason(image !== undefined);
    if (wanted.name === container) return [{ kind: 'ensure-image', container, because }];
    const volume = wanted.name.slice(container.length + 1);
    return [{ kind: 'ensure-image', container, volume, because: `volume ${volume}: ${because}` }];
  });
}

/** When a failed pull is to be looked at again: as soon as its status changes, then for the next try. */
function retryOf(image: ImageState | undefined, now: number): number | undefined {
  if (image?.state !== 'failed') return undefined;
  const shown = pullBackoffShownAt(image);
  return shown > now ? shown : image.retryAt;
}

/** The pod has come to its end by itself: everything is stopped and given back, the records stay so that its outcome can be read. */
function planStop(input: DecideInput, because: string): Plan {
  const { observed, memory } = input;
  const stop = planKill(input, because);
  if (stop !== undefined) return stop;
  const ready = observed.sandboxes.filter(s => s.state === 'ready');
  if (ready.length > 0) return act(ready.map(s => ({ kind: 'stop-sandbox', id: s.id, because })));
  const actions: PodAction[] = [];
  if (memory.volumes !== 'removed') actions.push({ kind: 'remove-volumes', because });
  if (memory.cgroup !== 'removed') actions.push({ kind: 'remove-cgroup', because });
  return act([...actions, ...planGarbage(observed, observed.sandboxes[0]?.id)]);
}

/** Main containers first, then sidecars one by one, the last started first; undefined when nothing runs. */
function planKill(input: DecideInput, because: string): Plan | undefined {
  const running = input.observed.containers.filter(c => c.state === 'running' || c.state === 'unknown');
  const sidecars = sidecarsOf(input.desired.pod.spec).map(c => c.name);
  const mains = running.filter(c => !sidecars.includes(c.name));
  if (mains.length > 0) return act([{ kind: 'kill-containers', containers: toKill(input, mains), because }]);
  const last = sidecars.findLast(name => running.some(c => c.name === name));
  const sidecar = running.filter(c => c.name === last);
  if (sidecar.length > 0) return act([{ kind: 'kill-containers', containers: toKill(input, sidecar), because }]);
  return undefined;
}

function stopSandboxes(input: DecideInput, sandboxes: readonly ObservedSandbox[], because: string): Plan {
  const ids = new Set(sandboxes.map(s => s.id));
  const running = input.observed.containers.filter(
    c => ids.has(c.sandboxId) && (c.state === 'running' || c.state === 'unknown'),
  );
  if (running.length > 0)
    return act([
      { kind: 'kill-containers', containers: toKill(input, running), because: `of their sandbox: ${because}` },
    ]);
  return act(sandboxes.map(s => ({ kind: 'stop-sandbox', id: s.id, because })));
}

function toKill(input: DecideInput, containers: ObservedPod['containers'], graceSeconds?: number): ContainerToKill[] {
  const grace = graceSeconds ?? input.desired.pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  return containers.map(c => ({ id: c.id, name: c.name, graceSeconds: Math.max(grace, MINIMUM_GRACE_SECONDS) }));
}

function act(actions: readonly PodAction[]): Plan {
  return { actions, wakeAt: undefined, gone: false };
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter(t => t !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
