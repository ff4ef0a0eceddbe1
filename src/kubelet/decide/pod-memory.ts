import type { ResourceRequirements } from '../../api/types/gen/core-v1.ts';
import type { BackoffState } from '../../base/backoff.ts';
import type { PodActionKind } from './actions.ts';
import type { NeededImage } from './needed-images.ts';

/**
 * What a pod's worker knows beside the runtime's word. All of it may be lost: a restarted kubelet begins with an empty memory and arrives at
 * the same pods, only a step or two later.
 */
export interface PodMemory {
  readonly cgroup: 'unknown' | 'made' | 'removed';
  readonly volumes: 'unknown' | 'made' | 'removed';
  /** Whether the files of volumes are as what they show is now. */
  readonly files: 'current' | 'outdated';
  readonly podDir: 'unknown' | 'removed';
  /** By the name of the needed image (see needed-images.ts); gone again once the container was started. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** Crash back-off by container name. */
  readonly crash: ReadonlyMap<string, BackoffState>;
  /** What running containers were given since they were made, by their ids. */
  readonly given: ReadonlyMap<string, ResourceRequirements>;
  /** The size of the pod for which the limits of its group were set last; undefined before this kubelet resized it. */
  readonly groupSize: string | undefined;
  /** Failed steps: by container name, POD for steps of the pod as a whole, FILES for the update of volumes, RESIZE for that of limits. */
  readonly failures: ReadonlyMap<string, ActionFailure>;
  /** Not-ready sandboxes that were stopped all the same, so that their network was released. */
  readonly stoppedSandboxes: ReadonlySet<string>;
}

export const POD = '';
/** No container has such a name. */
export const FILES = '/files';
export const RESIZE = '/resize';

/** `of` is the image as the pod names it: what is known of one says nothing of the next. */
export type ImageState = { readonly of: string } & (
  | { readonly state: 'pulling'; readonly backoff: BackoffState | undefined }
  | { readonly state: 'present'; readonly image: PresentImage }
  | {
      readonly state: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly backoff: BackoffState;
      readonly retryAt: number;
    }
);

/** What is known of an image as the pod names it now. */
export function imageOf(memory: PodMemory, needed: NeededImage): ImageState | undefined {
  const known = memory.images.get(needed.name);
  return known?.of === (needed.image ?? '') ? known : undefined;
}

/** How long a status shows how a pull failed before it shows the back-off. */
const PULL_FAILURE_SHOWN_MS = 1_000;

/** When the status of a failed pull turns from what failed to ImagePullBackOff. */
export function pullBackoffShownAt(failed: Extract<ImageState, { readonly state: 'failed' }>): number {
  return failed.backoff.since + PULL_FAILURE_SHOWN_MS;
}

/** What the container is made from, and as whom it runs unless the pod says. */
export interface PresentImage {
  readonly ref: string;
  readonly uid: number | undefined;
  readonly username: string;
}

export interface ActionFailure {
  readonly action: PodActionKind;
  /** Upstream's spelling: CreateContainerError, RunContainerError, FailedMount, … */
  readonly reason: string;
  readonly message: string;
  readonly backoff: BackoffState;
  readonly retryAt: number;
  /** The container that could not be started. */
  readonly containerId: string | undefined;
}

export const EMPTY_MEMORY: PodMemory = {
  cgroup: 'unknown',
  volumes: 'unknown',
  files: 'outdated',
  podDir: 'unknown',
  images: new Map(),
  crash: new Map(),
  given: new Map(),
  groupSize: undefined,
  failures: new Map(),
  stoppedSandboxes: new Set(),
};
