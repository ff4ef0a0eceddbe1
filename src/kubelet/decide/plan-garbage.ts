import type { ObservedPod } from '../observed/observed-pod.ts';
import type { PodAction } from './actions.ts';

/** Dead containers kept per name, so that the status can tell how the last one ended (upstream's default). */
const DEAD_KEPT = 1;

/** Old dead containers, and old sandboxes in which nothing is left. The sandbox in use is never touched. */
export function planGarbage(observed: ObservedPod, sandboxId: string | undefined): readonly PodAction[] {
  const actions: PodAction[] = [];
  const kept = new Map<string, number>();
  const removed = new Set<string>();
  for (const container of observed.containers) {
    if (container.state !== 'exited') continue;
    const count = kept.get(container.name) ?? 0;
    kept.set(container.name, count + 1);
    if (count < DEAD_KEPT) continue;
    removed.add(container.id);
    actions.push({
      kind: 'remove-container',
      container: container.name,
      id: container.id,
      because: 'a newer dead container of that name is kept',
    });
  }
  for (const sandbox of observed.sandboxes) {
    if (sandbox.id === sandboxId || sandbox.state === 'ready') continue;
    if (observed.containers.some(c => c.sandboxId === sandbox.id && !removed.has(c.id))) continue;
    actions.push({ kind: 'remove-sandbox', id: sandbox.id, because: 'it is dead and a newer one is there' });
  }
  return actions;
}
