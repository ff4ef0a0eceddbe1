import type { RuntimeServiceContext } from './context.ts';

/** Lets the network forget what belongs to no sandbox that is attached. What fails is logged: the next round tries again. Ends at once when the signal aborts. */
export async function collectNetworkGarbage(ctx: RuntimeServiceContext, signal: AbortSignal): Promise<void> {
  try {
    await ctx.network.prune(() => attachedSandboxes(ctx), signal);
  } catch (error) {
    if (signal.aborted) return;
    ctx.log.warn({ err: error }, 'garbage of the network could not be collected');
  }
}

/** Those that have the network, are getting it or are giving it back. What a sandbox of an earlier boot had is gone. */
function attachedSandboxes(ctx: RuntimeServiceContext): ReadonlySet<string> {
  const attached = ctx.store
    .allSandboxes()
    .filter(({ releasedAt, bootId }) => releasedAt === undefined && bootId === ctx.node.bootId);
  return new Set(attached.map(({ id }) => id));
}
