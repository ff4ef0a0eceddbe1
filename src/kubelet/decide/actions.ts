import type { BackoffState } from '../../base/backoff.ts';
import type { ResizedContainer } from './resize.ts';

/** One map defines the verbs: the plan's union and the table of executors derive from it, so that a verb without an executor does not compile. */
export interface PodActions {
  'make-cgroup': object;
  'make-volumes': object;
  /** Writes the files of volumes anew whose sources changed. The pod runs meanwhile, and runs on if that fails. */
  'update-volumes': object;
  /** The container's own, or that of a volume which it mounts. */
  'ensure-image': { readonly container: string; readonly volume?: string };
  'create-sandbox': { readonly attempt: number };
  'start-container': {
    readonly container: string;
    readonly sandboxId: string;
    readonly restartCount: number;
    /** What the crash back-off remembers once the container has been started. */
    readonly backoff: BackoffState | undefined;
  };
  /** Starts a container that was created and, by a crash of ours, never started. */
  'start-created': { readonly container: string; readonly id: string };
  /** Limits of containers that run on meanwhile; the pod's own group is made wide enough for what they have and get. */
  'resize-containers': {
    readonly containers: readonly ResizedContainer[];
    readonly sandboxId: string;
    /** Others of the pod are ended after it. */
    readonly kills: boolean;
  };
  /** The group of the pod gets the limits that its containers add up to. */
  'settle-group': { readonly size: string };
  /** Side by side; each gets its own grace. */
  'kill-containers': { readonly containers: readonly ContainerToKill[] };
  'remove-container': { readonly container: string; readonly id: string };
  'stop-sandbox': { readonly id: string };
  'remove-sandbox': { readonly id: string };
  'remove-volumes': object;
  'remove-cgroup': object;
  'remove-pod-dir': object;
}

export interface ContainerToKill {
  readonly id: string;
  readonly name: string;
  readonly graceSeconds: number;
  /** Told as an event instead of the usual one. */
  readonly message?: string | undefined;
}

export type PodActionKind = keyof PodActions;

/** A step with its reason: the log line and the test print it. */
export type PodAction = {
  readonly [K in PodActionKind]: { readonly kind: K; readonly because: string } & PodActions[K];
}[PodActionKind];

export type ActionOf<K extends PodActionKind> = Extract<PodAction, { readonly kind: K }>;

/** What planning says: steps for now, and when to look again though nothing happens. */
export interface Plan {
  readonly actions: readonly PodAction[];
  /** Milliseconds since the epoch. */
  readonly wakeAt: number | undefined;
  /** The pod was terminated and nothing of it is left. */
  readonly gone: boolean;
  /** Nothing of the pod runs any more and that is told; what is left of it stays. */
  readonly stopped?: boolean;
}

/** One line for people: `start-container web: it does not exist`. */
export function describeAction(action: PodAction): string {
  const subject =
    'container' in action
      ? ` ${action.container}`
      : action.kind === 'kill-containers' || action.kind === 'resize-containers'
        ? ` ${action.containers.map(c => c.name).join(', ')}`
        : 'id' in action
          ? ` ${action.id.slice(0, 13)}`
          : '';
  return `${action.kind}${subject}: ${action.because}`;
}

const ALONE: ReadonlySet<PodActionKind> = new Set([
  'start-container',
  'start-created',
  'update-volumes',
  'resize-containers',
  'settle-group',
]);

/** Whether the failure of a step holds up the pod's other steps: one of a container holds up that container alone, and an update of volumes nobody. */
export function holdsUpOthers({ kind }: PodAction): boolean {
  return !ALONE.has(kind);
}

const QUIET: ReadonlySet<PodActionKind> = new Set([
  'make-cgroup',
  'make-volumes',
  'update-volumes',
  'resize-containers',
  'settle-group',
  'ensure-image',
  'remove-volumes',
  'remove-cgroup',
  'remove-pod-dir',
]);

/** Whether the runtime shows something else after a step. */
export function changesRuntime({ kind }: PodAction): boolean {
  return !QUIET.has(kind);
}
