import type { TimeSlice } from '../base/time-slice.ts';

/** Something that is found out step by step: after each of them others may run. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** True for what is not found out yet. */
export function isSteps<T>(answer: T | Steps<T>): answer is Steps<T> {
  return typeof answer === 'object' && answer !== null && 'next' in answer;
}

/** Takes all steps, and lets others run in between once the slice is used up. */
export async function takeSteps<T>(steps: Steps<T>, slice: TimeSlice): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (slice.used) await slice.breathe();
  }
}
