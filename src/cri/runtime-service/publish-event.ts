import type { ContainerEventType } from '../../rpc/cri-api.ts';
import { containerState } from '../store/container-record.ts';
import { containerStatus } from './container-message.ts';
import type { RuntimeServiceContext } from './context.ts';
import { sandboxStatus } from './sandbox-message.ts';

/**
 * Tells subscribers that a container (or, with the sandbox's own id, its infra container) changed, together with the statuses of its whole
 * pod as they are now. Costs nothing while nobody listens.
 */
export function publishEvent(
  ctx: RuntimeServiceContext,
  type: ContainerEventType,
  sandboxId: string,
  containerId: string,
): void {
  if (!ctx.events.hasSubscribers) return;
  const sandbox = ctx.store.sandbox(sandboxId);
  ctx.events.publish({
    containerId,
    containerEventType: type,
    createdAt: ctx.node.now(),
    podSandboxStatus: sandbox === undefined ? undefined : sandboxStatus(sandbox),
    containersStatuses: ctx.store
      .containersOf(sandboxId)
      .filter(c => containerState(c) !== 'creating')
      .map(containerStatus),
  });
}
