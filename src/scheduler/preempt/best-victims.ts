import type { PodInfo } from '../pod-info.ts';
import { startOf, type Victims } from './victims.ts';

/** Upstream adds this to every priority of a sum, so that one more pod is always more. */
const OFFSET = 2 ** 31;

/** The node where removing pods does least harm: what upstream compares, in its order. The first of several that are equal. Pure. */
export function bestVictims(candidates: readonly Victims[], now: number): Victims | undefined {
  const harms: readonly ((victims: Victims) => number)[] = [
    ({ violations }) => violations,
    ({ pods }) => Math.max(...pods.map(({ priority }) => priority)),
    ({ pods }) => pods.reduce((sum, { priority }) => sum + priority + OFFSET, 0),
    ({ pods }) => pods.length,
    // those that have just started lose least
    ({ pods }) => -earliestStart(pods, now),
  ];
  let left = candidates;
  for (const harm of harms) {
    const least = Math.min(...left.map(harm));
    left = left.filter(each => harm(each) === least);
  }
  return left[0];
}

/** The earliest start among the pods of the highest priority. */
function earliestStart(pods: readonly PodInfo[], now: number): number {
  const highest = Math.max(...pods.map(({ priority }) => priority));
  return Math.min(...pods.filter(({ priority }) => priority === highest).map(pod => startOf(pod, now)));
}
