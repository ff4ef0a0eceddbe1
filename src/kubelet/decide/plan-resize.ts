import type { PodAction } from './actions.ts';
import type { DecideInput } from './decide-container.ts';
import { RESIZE } from './pod-memory.ts';
import { inPlaceResizes, isResizing, podSize } from './resize.ts';

/**
 * Containers get other limits as they run, or end and are made anew, by their own policy. The group of the pod is widened before either, and gets its limits after
 * both; so it does once in the life of a kubelet for a pod that was changed since it was made, of which the kubelet before may have left it wide.
 */
export function planResize(
  input: DecideInput,
  sandboxId: string,
  kills: boolean,
): { readonly before: readonly PodAction[]; readonly after: readonly PodAction[] } | { readonly wakeAt: number } {
  const { desired, memory, now } = input;
  if (desired.source !== 'api') return { before: [], after: [] };
  const failure = memory.failures.get(RESIZE);
  if (failure !== undefined && failure.retryAt > now) return { wakeAt: failure.retryAt };
  const because = 'the pod asks for other limits';
  const due = inPlaceResizes(input);
  const size = podSize(desired.pod);
  const isOpen = due.length > 0 || (kills && isResizing(input));
  const isLeft = memory.groupSize !== size && (desired.pod.metadata.generation ?? 1) > 1 && !isResizing(input);
  return {
    before: isOpen ? [{ kind: 'resize-containers', containers: due, sandboxId, kills, because }] : [],
    after: isOpen || isLeft ? [{ kind: 'settle-group', size, because }] : [],
  };
}
