import type { FileOwner } from '../oci/ports.ts';
import type { OciProcess, OciSpec } from '../spec/oci-spec.ts';
import { machineId } from '../spec/user-namespace.ts';
import type { RuntimeServiceContext } from './context.ts';

/**
 * What is run for an exec: as the container's own process is run (user, environment, directory, capabilities), with other arguments; and whose its streams are,
 * by the machine's ids.
 */
export function execProcess(
  ctx: Pick<RuntimeServiceContext, 'node' | 'paths'>,
  id: string,
  args: readonly string[],
  terminal: boolean,
): { readonly process: OciProcess; readonly owner: FileOwner } {
  const { process, linux } = JSON.parse(ctx.node.readFile(`${ctx.paths.containerBundle(id)}/config.json`)) as OciSpec;
  const named = process.env.some(variable => variable.startsWith('TERM='));
  return {
    process: { ...process, args, terminal, env: terminal && !named ? [...process.env, 'TERM=xterm'] : process.env },
    owner: {
      uid: machineId(process.user.uid, linux.uidMappings),
      gid: machineId(process.user.gid, linux.gidMappings),
    },
  };
}
