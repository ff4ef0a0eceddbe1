import type { Pod } from '../api/types/gen/core-v1.ts';

/** Why a pod was not placed, as people and programs are told. */
export interface PodRefusal {
  /** Unschedulable: nothing fits; SchedulerError: it could not be tried, or not be bound. */
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** The node that is kept for it from now on; empty: none any more; undefined: as before. */
  readonly nominatedNode: string | undefined;
}

/** What the scheduler does to the world. Each may take its time; the scheduler goes on meanwhile. */
export interface SchedulerEffects {
  /** Gives a pod its node and tells of it. Rejects where it is certain that it was not done. */
  bind(pod: Pod, node: string, signal: AbortSignal): Promise<void>;
  /** Tells of a pod that was not placed: its condition and an event. Never rejects. */
  refuse(pod: Pod, refusal: PodRefusal, signal: AbortSignal): Promise<void>;
  /** Tells of a pod that is not tried because it is being deleted. */
  skip(pod: Pod): void;
}
