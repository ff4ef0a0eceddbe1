import type { OciProcess, OciSpec } from '../spec/oci-spec.ts';
import type { RuntimeServiceContext } from './context.ts';

/** What is run for an exec: as the container's own process is run (user, environment, directory, capabilities), with other arguments. */
export function execProcess(
  ctx: Pick<RuntimeServiceContext, 'node' | 'paths'>,
  id: string,
  args: readonly string[],
  terminal: boolean,
): OciProcess {
  const { process } = JSON.parse(ctx.node.readFile(`${ctx.paths.containerBundle(id)}/config.json`)) as OciSpec;
  const named = process.env.some(variable => variable.startsWith('TERM='));
  return { ...process, args, terminal, env: terminal && !named ? [...process.env, 'TERM=xterm'] : process.env };
}
