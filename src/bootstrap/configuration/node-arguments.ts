import type { FieldUses } from '../../api/unheeded-fields.ts';
import { invalidArgument } from '../../base/errors.ts';
import { upstreamKubeletFlag } from './upstream-flags.ts';

const PATH = 'nodeRegistration.kubeletExtraArgs';

/** What the daemon of a node knows: its flags, and what its kubelet makes of the fields of its configuration. */
export interface KnownToNode {
  readonly node: readonly string[];
  readonly kubeletFields: FieldUses;
}

/** Where a field of KubeletConfiguration is to be said: what `init` is told holds for all nodes, and `join` has it from the cluster. */
const WHERE = {
  init: '(which init takes for all nodes)',
  join: 'in the ConfigMap kubelet-config of kube-system (for all nodes; join takes it from there)',
};

/**
 * Arguments that a file has for the daemon of a node whose name is `nodeName`: flags that it has, and no other name for it, by which its kubelet would ask for another node's certificate and pods.
 * Throws `invalid-argument` that names the field. Pure.
 */
export function checkNodeArguments(
  args: readonly { readonly name: string; readonly value: string }[],
  known: KnownToNode,
  { nodeName, command }: { readonly nodeName: string; readonly command: keyof typeof WHERE },
): void {
  for (const [index, { name, value }] of args.entries()) {
    if (!known.node.includes(name))
      throw invalidArgument(
        `${PATH}[${index}].name: "${name}" is ${upstreamKubeletFlag(name, known.kubeletFields, WHERE[command]) ?? 'no flag here: "gantry run node --help" lists them'}`,
      );
    if (name === 'hostname-override' && value.toLowerCase() !== nodeName)
      throw invalidArgument(
        `${PATH}[${index}]: hostname-override is "${value}", and the name of this node is "${nodeName}": leave it out, and say the name by nodeRegistration.name or --node-name`,
      );
  }
}
