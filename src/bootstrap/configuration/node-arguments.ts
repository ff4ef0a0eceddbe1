import { invalidArgument } from '../../base/errors.ts';
import { upstreamFlag } from './upstream-flags.ts';

const PATH = 'nodeRegistration.kubeletExtraArgs';

/**
 * Arguments that a file has for the daemon of a node whose name is `nodeName`: flags that it has, `known`, and no other name for it, by which its kubelet would ask for another
 * node's certificate and pods. Throws `invalid-argument` that names the field. Pure.
 */
export function checkNodeArguments(
  args: readonly { readonly name: string; readonly value: string }[],
  known: readonly string[],
  nodeName: string,
): void {
  for (const [index, { name, value }] of args.entries()) {
    if (!known.includes(name))
      throw invalidArgument(
        `${PATH}[${index}].name: "${name}" is ${upstreamFlag('kubelet', name) ?? 'no flag here: "gantry run node --help" lists them'}`,
      );
    if (name === 'hostname-override' && value.toLowerCase() !== nodeName)
      throw invalidArgument(
        `${PATH}[${index}]: hostname-override is "${value}", and the name of this node is "${nodeName}": leave it out, and say the name by nodeRegistration.name or --node-name`,
      );
  }
}
