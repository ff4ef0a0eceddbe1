import { nextBackoff } from '../../base/backoff.ts';
import type { PodAction, PodActionKind } from './actions.ts';
import { IMAGE_BACKOFF, STEP_BACKOFF } from './crash-backoff.ts';
import { containerOf, type NeededImage } from './needed-images.ts';
import { FILES, type ImageState, imageOf, POD, type PodMemory, type PresentImage, RESIZE } from './pod-memory.ts';

/** Steps of one container; the others are the pod's as a whole. */
function scopeOf(action: PodAction): string {
  if (action.kind === 'update-volumes') return FILES;
  if (action.kind === 'resize-containers' || action.kind === 'settle-group') return RESIZE;
  return action.kind === 'start-container' || action.kind === 'start-created' || action.kind === 'remove-container'
    ? action.container
    : POD;
}

/** The reason that a status shows when a step says none of its own (upstream's spelling). */
const REASONS: { readonly [K in PodActionKind]: string } = {
  'make-cgroup': 'FailedCreatePodContainer',
  'make-volumes': 'FailedMount',
  'update-volumes': 'FailedMount',
  'ensure-image': 'ImageInspectError',
  'create-sandbox': 'CreatePodSandboxError',
  'start-container': 'CreateContainerError',
  'start-created': 'RunContainerError',
  'resize-containers': 'Error',
  'settle-group': 'Error',
  'kill-containers': 'KillContainerError',
  'remove-container': 'KillContainerError',
  'stop-sandbox': 'KillPodSandboxError',
  'remove-sandbox': 'KillPodSandboxError',
  'remove-volumes': 'FailedUnmount',
  'remove-cgroup': 'FailedKillPod',
  'remove-pod-dir': 'FailedKillPod',
};

/** The memory after a step that went well. */
export function rememberDone(memory: PodMemory, action: PodAction): PodMemory {
  const failures = new Map(memory.failures);
  const scope = scopeOf(action);
  const started = action.kind === 'start-container' || action.kind === 'start-created';
  if (started || failures.get(scope)?.action === action.kind) failures.delete(scope);
  const after = { ...memory, failures };
  switch (action.kind) {
    case 'make-cgroup':
      return { ...after, cgroup: 'made' };
    case 'remove-cgroup':
      return { ...after, cgroup: 'removed' };
    case 'make-volumes':
      failures.delete(FILES);
      return { ...after, volumes: 'made', files: 'current' };
    case 'update-volumes':
      return { ...after, files: 'current' };
    case 'resize-containers':
      return {
        ...after,
        given: new Map([...memory.given, ...action.containers.map(({ id, resources }) => [id, resources] as const)]),
      };
    case 'settle-group':
      return { ...after, groupSize: action.size };
    case 'remove-volumes':
      return { ...after, volumes: 'removed' };
    case 'remove-pod-dir':
      return { ...after, podDir: 'removed' };
    case 'stop-sandbox':
      return { ...after, stoppedSandboxes: new Set([...memory.stoppedSandboxes, action.id]) };
    case 'start-container': {
      const images = withoutImagesOf(memory, action.container);
      const crash = new Map(memory.crash);
      if (action.backoff === undefined) crash.delete(action.container);
      else crash.set(action.container, action.backoff);
      return { ...after, images, crash };
    }
    default:
      return after;
  }
}

/** Steps that fail for want of an object of the API. */
const NEED_OBJECTS: ReadonlySet<string> = new Set(['NetworkNotReady', 'FailedMount', 'CreateContainerConfigError']);

/**
 * The memory after an object that the pod refers to came, changed or went: its volumes are to be looked after, and what failed for want of it need not
 * wait any longer. The back-off stays, so that an object that changes often is no reason to hammer.
 */
export function rememberObjectChange(memory: PodMemory): PodMemory {
  const failures = new Map(
    [...memory.failures].map(([scope, failure]) =>
      NEED_OBJECTS.has(failure.reason) ? [scope, { ...failure, retryAt: 0 }] : [scope, failure],
    ),
  );
  return { ...memory, failures, files: 'outdated' };
}

export interface StepFailure {
  readonly reason: string | undefined;
  readonly message: string;
  readonly containerId: string | undefined;
}

/** The memory after a step that failed: it waits longer each time that the same step fails again. */
export function rememberFailed(memory: PodMemory, action: PodAction, failure: StepFailure, now: number): PodMemory {
  const scope = scopeOf(action);
  const before = memory.failures.get(scope);
  const backoff = nextBackoff(before?.action === action.kind ? before.backoff : undefined, STEP_BACKOFF, now);
  const failures = new Map(memory.failures).set(scope, {
    action: action.kind,
    reason: failure.reason ?? REASONS[action.kind],
    message: failure.message,
    backoff,
    retryAt: now + backoff.delayMs,
    containerId: failure.containerId,
  });
  // the image may be what is wrong (it was removed meanwhile), so it is asked for again
  if (action.kind !== 'start-container') return { ...memory, failures };
  const images = withoutImagesOf(memory, action.container);
  // What was made and could not be started has ended, as what crashed has, and the wait for the next is that of crashes.
  const ended =
    failure.containerId !== undefined && action.backoff !== undefined
      ? [[action.container, action.backoff] as const]
      : [];
  return { ...memory, failures, images, crash: new Map([...memory.crash, ...ended]) };
}

/** A container that is started again asks for its images again. */
function withoutImagesOf({ images }: PodMemory, container: string): PodMemory['images'] {
  return new Map([...images].filter(([name]) => containerOf({ name }) !== container));
}

export type ImageAnswer = 'pulling' | 'cut-off' | PresentImage | { readonly reason: string; readonly message: string };

/** The memory after a pull has ended. Where the pod has come to name another image since it began, that says nothing. */
export function rememberPull(memory: PodMemory, needed: NeededImage, outcome: ImageAnswer, now: number): PodMemory {
  return imageOf(memory, needed)?.state === 'pulling' ? rememberImage(memory, needed, outcome, now) : memory;
}

/** The memory after an image was asked for. */
export function rememberImage(memory: PodMemory, needed: NeededImage, outcome: ImageAnswer, now: number): PodMemory {
  const images = new Map(memory.images);
  // asked for again as soon as the runtime is back, without a wait
  if (outcome === 'cut-off') images.delete(needed.name);
  else images.set(needed.name, imageState(memory, needed, outcome, now));
  return { ...memory, images };
}

function imageState(
  memory: PodMemory,
  needed: NeededImage,
  outcome: Exclude<ImageAnswer, 'cut-off'>,
  now: number,
): ImageState {
  const of = needed.image ?? '';
  const before = imageOf(memory, needed);
  const backoff = before === undefined || before.state === 'present' ? undefined : before.backoff;
  if (outcome === 'pulling') return { of, state: 'pulling', backoff };
  if ('ref' in outcome) return { of, state: 'present', image: outcome };
  const next = nextBackoff(backoff, IMAGE_BACKOFF, now);
  return { of, state: 'failed', ...outcome, backoff: next, retryAt: now + next.delayMs };
}
