import type { OciRuntime } from '../oci/ports.ts';
import type { RuntimeHandler } from '../oci/runtimes.ts';
import type { SandboxRecord } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';

/** The handler that a sandbox was made with. */
export function handlerOf(ctx: RuntimeServiceContext, sandbox: SandboxRecord): RuntimeHandler {
  return ctx.runtimes.recorded(sandbox.runtime);
}

/** The OCI runtime of a sandbox, or of a container by its sandbox: that of the default handler where no record of the sandbox is left. */
export function runtimeOf(ctx: RuntimeServiceContext, id: string): OciRuntime {
  const sandbox = ctx.store.sandbox(ctx.store.container(id)?.sandboxId ?? id);
  return sandbox === undefined ? ctx.runtimes.fallback.runtime : handlerOf(ctx, sandbox).runtime;
}

/** The runtimes that may know an object: its own, or all of them where no record of its sandbox is left that would tell. */
export function possibleRuntimes(ctx: RuntimeServiceContext, id: string): readonly OciRuntime[] {
  const sandbox = ctx.store.sandbox(ctx.store.container(id)?.sandboxId ?? id);
  return sandbox === undefined
    ? ctx.runtimes.handlers.map(({ runtime }) => runtime)
    : [handlerOf(ctx, sandbox).runtime];
}
