import type { Pod } from '../api/types/gen/core-v1.ts';

/** Why a pod was not placed, as people and programs are told. */
export interface PodRefusal {
  /** Unschedulable: nothing fits; SchedulerError: it could not be tried, or not be bound. */
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** The node that is kept for it from now on; empty: none any more; undefined: as before. */
  readonly nominatedNode: string | undefined;
}

/** Pods that go from a node for another one. */
export interface PlannedPreemption {
  readonly pod: Pod;
  readonly node: string;
  readonly victims: readonly Pod[];
  /** Pods that the node was kept for, and that matter less. */
  readonly yielding: readonly Pod[];
}

/** What the scheduler does to the world. Each may take its time; the scheduler goes on meanwhile. */
export interface SchedulerEffects {
  /** Gives a pod its node and tells of it. Rejects where it is certain that it was not done. */
  bind(pod: Pod, node: string, signal: AbortSignal): Promise<void>;
  /** Tells of a pod that was not placed: its condition and an event. Never rejects. */
  refuse(pod: Pod, refusal: PodRefusal, signal: AbortSignal): Promise<void>;
  /** Removes pods from a node for another one, and tells that the node is kept no more for those that yield to it. Resolves with true where all of it was done; never rejects. */
  preempt(preemption: PlannedPreemption, signal: AbortSignal): Promise<boolean>;
  /** Tells of a pod that is not tried because it is being deleted. */
  skip(pod: Pod): void;
}
