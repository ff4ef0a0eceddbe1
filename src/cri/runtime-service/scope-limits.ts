import { errorMessage } from '../../base/errors.ts';
import type { ContainerScope, ContainerScopes } from '../oci/container-scopes.ts';
import { isSlice } from '../spec/cgroup-path.ts';
import type { OciResources } from '../spec/oci-spec.ts';
import { decideResources } from '../spec/resources.ts';
import type { ContainerRecord } from '../store/container-record.ts';
import { cgroupParentOf } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { isLive } from './read-stats.ts';

/** Keeps the limits that a container has, where it is a scope of systemd's; nothing is to be done elsewhere. Idempotent. Throws what systemd or the kernel says. */
export async function setScopeLimits(
  ctx: RuntimeServiceContext,
  container: ContainerRecord,
  limits: OciResources,
  signal?: AbortSignal,
): Promise<void> {
  const found = scopeOf(ctx, container);
  await found?.scopes.setLimits(found.scope, limits, signal);
}

/** Takes up the limits of containers that ran while this process did not. Never throws: containers run whatever becomes of it. */
export function keepScopeLimits(ctx: RuntimeServiceContext): void {
  for (const container of ctx.store.allContainers()) if (isLive(container)) keepLimitsOf(ctx, container);
}

/** Keeps the limits that the record of a container tells. Never throws. Idempotent. */
export function keepLimitsOf(ctx: RuntimeServiceContext, container: ContainerRecord): void {
  const found = scopeOf(ctx, container);
  if (found === undefined) return;
  try {
    found.scopes.keepLimits(found.scope, decideResources(container.config.linux?.resources, ctx.node.facts, []));
  } catch (error) {
    ctx.log.warn(
      { container: container.id, because: errorMessage(error) },
      'systemd may change limits of this container',
    );
  }
}

function scopeOf(
  { scopes, store }: RuntimeServiceContext,
  { id, sandboxId, cgroupPath: group }: ContainerRecord,
): { readonly scopes: ContainerScopes; readonly scope: ContainerScope } | undefined {
  const sandbox = store.sandbox(sandboxId);
  if (scopes === undefined || sandbox === undefined || !isSlice(cgroupParentOf(sandbox))) return undefined;
  return { scopes, scope: { id, group } };
}
