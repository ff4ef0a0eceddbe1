import type { Container, PodSpec, PodStatus } from '../../api/types/gen/core-v1.ts';
import type { BackoffPolicy, BackoffState } from '../../base/backoff.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { newestContainer, type ObservedContainer, type ObservedPod } from '../observed/observed-pod.ts';
import { containerHash } from './container-hash.ts';
import { decideCrashBackoff, goDuration } from './crash-backoff.ts';
import type { PodMemory } from './pod-memory.ts';
import { failedProbe, isStarted, type ProbedContainers } from './probe-verdicts.ts';
import { decideResize } from './resize.ts';
import { shouldRestart } from './restart-policy.ts';

/** What shall happen to one container of a pod that has a ready sandbox. The plan acts on it, the status explains it. */
export type ContainerDecision =
  | { readonly do: 'nothing'; readonly because: 'running' | 'completed' | 'failed' }
  | {
      readonly do: 'start';
      readonly restartCount: number;
      readonly backoff: BackoffState | undefined;
      readonly because: string;
    }
  | { readonly do: 'start-created'; readonly id: string; readonly because: string }
  | { readonly do: 'remove'; readonly id: string; readonly because: string }
  | {
      readonly do: 'kill';
      readonly container: ObservedContainer;
      readonly because: string;
      /** Told as an event, where it is not the usual one. */
      readonly message?: string;
      /** Instead of the pod's own. */
      readonly graceSeconds?: number | undefined;
      /** What is to run in its place, where that need not wait for how it ends. */
      readonly next?: Extract<ContainerDecision, { readonly do: 'start' }>;
    }
  | { readonly do: 'wait'; readonly until: number; readonly reason: 'CrashLoopBackOff'; readonly message: string };

export interface DecideInput {
  readonly desired: DesiredPod;
  readonly observed: ObservedPod;
  readonly memory: PodMemory;
  readonly probed: ProbedContainers;
  readonly now: number;
  readonly crashBackoff: BackoffPolicy;
  /** When the pod was begun, as it was told; undefined before that. */
  readonly startTime: string | undefined;
  /** What was told of the pod last. */
  readonly previous?: PodStatus | undefined;
}

/** Ephemeral containers are added to a pod while it runs, begin once and are never begun again, however they end. */
export type ContainerRole = 'init' | 'app' | 'ephemeral';

/** The decision for one container. Whether it is its turn (init order) is asked elsewhere. */
export function decideContainer(
  input: DecideInput,
  container: Container,
  role: ContainerRole,
  sandboxId: string | undefined,
): ContainerDecision {
  const { observed, memory } = input;
  const newest = newestContainer(observed, container.name);
  if (newest === undefined) return { do: 'start', restartCount: 0, backoff: undefined, because: 'it does not exist' };
  if (role === 'ephemeral' && newest.state === 'exited')
    return { do: 'nothing', because: newest.exitCode === 0 ? 'completed' : 'failed' };
  const restartCount = newest.restartCount + 1;
  const known = memory.crash.get(container.name);
  const changed = { do: 'start', restartCount, backoff: undefined, because: 'its definition changed' } as const;
  switch (newest.state) {
    case 'running':
      if (newest.hash !== containerHash(container))
        return { do: 'kill', container: newest, because: 'its definition changed', next: changed };
      if (decideResize(input, container, newest) === 'restart')
        return {
          do: 'kill',
          container: newest,
          because: 'its resize requires a restart',
          message: `Container ${container.name} resize requires restart`,
          next: { ...changed, because: 'it is resized' },
        };
      return decideProbed(input, container, newest) ?? { do: 'nothing', because: 'running' };
    case 'unknown':
      return { do: 'kill', container: newest, because: 'the runtime does not know its state' };
    case 'created':
      if (memory.failures.get(container.name)?.containerId === newest.id)
        return { do: 'remove', id: newest.id, because: 'it could not be started' };
      if (newest.hash !== containerHash(container) || newest.sandboxId !== sandboxId)
        return { do: 'remove', id: newest.id, because: 'it was created for a sandbox or a definition that is gone' };
      return { do: 'start-created', id: newest.id, because: 'it was created and never started' };
    case 'exited':
      break;
  }
  if (newest.hash !== containerHash(container)) return changed;
  if (role === 'init' && sandboxId !== undefined && newest.sandboxId !== sandboxId)
    return { do: 'start', restartCount, backoff: known, because: 'the pod has a new sandbox' };
  if (!shouldRestart(input.desired.pod.spec, container, role, newest.exitCode))
    return { do: 'nothing', because: newest.exitCode === 0 ? 'completed' : 'failed' };
  const crash = decideCrashBackoff(known, newest, newest.sandboxId === sandboxId, input.crashBackoff);
  if (crash.startAt > input.now)
    return {
      do: 'wait',
      until: crash.startAt,
      reason: 'CrashLoopBackOff',
      message: `back-off ${goDuration(crash.delayMs)} restarting failed container=${container.name} pod=${observed.name}_${observed.namespace}(${observed.uid})`,
    };
  return {
    do: 'start',
    restartCount,
    backoff: crash.next,
    because: `it ended with exit code ${newest.exitCode}`,
  };
}

/** A container that its startup or liveness probe found dead has to end, whatever becomes of it then. */
function decideProbed(
  { desired, probed }: DecideInput,
  container: Container,
  running: ObservedContainer,
): ContainerDecision | undefined {
  const failed = failedProbe(container, running.id, probed);
  if (failed === undefined) return undefined;
  const probe = failed === 'startup' ? container.startupProbe : container.livenessProbe;
  const again = (container.restartPolicy ?? desired.pod.spec.restartPolicy) !== 'Never';
  return {
    do: 'kill',
    container: running,
    because: `its ${failed} probe failed`,
    message: `Container ${container.name} failed ${failed} probe${again ? ', will be restarted' : ''}`,
    graceSeconds: probe?.terminationGracePeriodSeconds,
  };
}

/** How far initialisation is, in the given sandbox. */
export interface InitProgress {
  readonly state: 'done' | 'going' | 'failed';
  /** Init containers whose turn has come: sidecars that must run, and last the one that is awaited. */
  readonly due: readonly Container[];
}

/** Init containers run one after another; a sidecar passes its turn on as soon as it has started. Once an app container exists, initialisation is over. */
export function decideInit(input: DecideInput, sandboxId: string | undefined): InitProgress {
  const { spec } = input.desired.pod;
  const inits = spec.initContainers ?? [];
  const sidecars = inits.filter(c => c.restartPolicy === 'Always');
  if (sandboxId !== undefined && hasAppContainer(spec, input.observed, sandboxId))
    return { state: 'done', due: sidecars };
  const due: Container[] = [];
  for (const container of inits) {
    const sidecar = container.restartPolicy === 'Always';
    const newest = newestContainer(input.observed, container.name);
    const here = newest !== undefined && newest.sandboxId === sandboxId ? newest : undefined;
    if (sidecar) {
      due.push(container);
      if (here?.state === 'running' && isStarted(container, here.id, input.probed)) continue;
      return { state: 'going', due };
    }
    if (here?.state === 'exited' && here.exitCode === 0) continue;
    if (here?.state === 'exited' && !shouldRestart(spec, container, 'init', here.exitCode))
      return { state: 'failed', due: [] };
    due.push(container);
    return { state: 'going', due };
  }
  return { state: 'done', due: sidecars };
}

function hasAppContainer(spec: PodSpec, observed: ObservedPod, sandboxId: string): boolean {
  const names = new Set(spec.containers.map(c => c.name));
  return observed.containers.some(c => c.sandboxId === sandboxId && names.has(c.name));
}

/** True when nothing of the pod will ever run again: every app container is done for good, or initialisation failed for good. */
export function isFinished(input: DecideInput): boolean {
  const sandboxId = input.observed.sandboxes[0]?.id;
  if (sandboxId === undefined) return false;
  if (decideInit(input, sandboxId).state === 'failed') return true;
  return input.desired.pod.spec.containers.every(container => {
    const decision = decideContainer(input, container, 'app', sandboxId);
    return decision.do === 'nothing' && decision.because !== 'running';
  });
}

/** The moment at which activeDeadlineSeconds is over; undefined without a deadline or before the pod was started. */
export function deadlineOf(input: DecideInput): number | undefined {
  const seconds = input.desired.pod.spec.activeDeadlineSeconds;
  // old sandboxes are removed in time: the first one that is left need not be the first one that was
  const started =
    input.startTime === undefined ? input.observed.sandboxes.at(-1)?.createdAt : Date.parse(input.startTime);
  return seconds === undefined || started === undefined ? undefined : started + seconds * 1000;
}
