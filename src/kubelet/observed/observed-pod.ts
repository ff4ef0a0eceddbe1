import type { LinuxContainerUser, ResourceRequirements } from '../../api/types/gen/core-v1.ts';

/** What the runtime says about one pod. Times are milliseconds since the epoch; 0 means "not yet". */
export interface ObservedPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** Newest first. */
  readonly sandboxes: readonly ObservedSandbox[];
  /** Newest first. */
  readonly containers: readonly ObservedContainer[];
  /** Monotonic time at which the runtime was asked. */
  readonly at: number;
}

export interface ObservedSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly state: 'ready' | 'not-ready';
  readonly createdAt: number;
  /** The pod's addresses, the primary first; none for a pod in the host's network. */
  readonly ips: readonly string[];
  readonly annotations: { readonly [key: string]: string };
}

export type ObservedContainerState = 'created' | 'running' | 'exited' | 'unknown';

export interface ObservedContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly state: ObservedContainerState;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, … as the runtime says. */
  readonly reason: string;
  /** The runtime's message, or the termination message of an exited container. */
  readonly message: string;
  readonly image: string;
  readonly imageId: string;
  /** From our annotations: what the container was made from, and how often it was restarted before. */
  readonly hash: string;
  readonly restartCount: number;
  /** -1 where the container does not say. */
  readonly graceSeconds: number;
  readonly logPath: string;
  /** Who its first process was started as; undefined where the runtime does not say. */
  readonly user: LinuxContainerUser | undefined;
  /** What it was made with; undefined where the container does not say. */
  readonly resources?: ResourceRequirements | undefined;
}

/** A pod that the runtime knows nothing about. */
export function nothingObserved(pod: {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}): ObservedPod {
  return { uid: pod.uid, name: pod.name, namespace: pod.namespace, sandboxes: [], containers: [], at: 0 };
}

/** The newest container of that name, whatever its state. */
export function newestContainer(observed: ObservedPod, name: string): ObservedContainer | undefined {
  return observed.containers.find(c => c.name === name);
}
