import type { Pod, PodCondition } from '../../../../api/types/gen/core-v1.ts';
import type { Time } from '../../../../api/types/scalars.ts';

/** The pod with a condition in the place of the one of its type. The time of transition stays where the status does. */
export function withPodCondition(pod: Pod, condition: PodCondition, now: Time): Pod {
  const conditions = pod.status.conditions ?? [];
  const before = conditions.find(each => each.type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : now;
  const set = { ...condition, lastTransitionTime };
  const all = before === undefined ? [...conditions, set] : conditions.map(each => (each === before ? set : each));
  return { ...pod, status: { ...pod.status, conditions: all } };
}
