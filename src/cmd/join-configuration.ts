import { hostname } from 'node:os';
import { parseNodeLabels } from '../api/node-flags.ts';
import type { JoinConfiguration } from '../api/types/gen/kubeadm-v1beta4.ts';
import { invalidArgument } from '../base/errors.ts';
import { checkNodeArguments } from '../bootstrap/configuration/node-arguments.ts';
import { readConfigurationFile } from '../bootstrap/configuration/read-documents.ts';
import { unheededDocuments, unheededFields } from '../bootstrap/configuration/unheeded.ts';
import type { JoinSettings } from '../bootstrap/join/context.ts';
import { settingsOfConfiguration } from '../bootstrap/join/settings.ts';
import { nodeAddresses } from '../bootstrap/node-address.ts';
import { argumentWords } from '../bootstrap/settings.ts';
import { defaultAddress } from './default-address.ts';
import { knownFlags } from './init-configuration.ts';

/** What a file says of a join, and the switches that flags may have, too. */
export interface GivenJoin {
  readonly settings: JoinSettings;
  /** Where the certificate of the cluster's CA is kept. */
  readonly caCertPath: string | undefined;
  readonly ignoredChecks: readonly string[];
  readonly skipPhases: readonly string[];
  readonly dryRun: boolean;
  readonly warnings: readonly string[];
}

/** Reads the JoinConfiguration of a file; `nodeName` and `nodeIp` are flags, which stand above it, and `addressOf` tells the address where neither does. Throws `invalid-argument` that names file, line and field. */
export function joinConfiguration(
  path: string,
  flags: { readonly nodeName: string | undefined; readonly nodeIp: string | undefined; readonly nodeLabels: string },
  addressOf: (flag: string) => string = defaultAddress,
): GivenJoin {
  const { documents, warnings } = readConfigurationFile(path);
  const document = documents.find(({ kind }) => kind === 'JoinConfiguration');
  if (document === undefined) throw invalidArgument(`${path}: there is no JoinConfiguration in it`);
  const config = document.object as JoinConfiguration;
  const { nodeRegistration } = config;
  const args = nodeRegistration.kubeletExtraArgs ?? [];
  const nodeName = (flags.nodeName ?? (nodeRegistration.name || hostname())).toLowerCase();
  checkNodeArguments(args, knownFlags(), { nodeName, command: 'join' });
  const told = (name: string): readonly string[] => args.filter(each => each.name === name).map(each => each.value);
  const node = {
    nodeName,
    addresses: nodeAddresses(flags.nodeIp ?? told('node-ip').at(-1) ?? addressOf('--node-ip')),
    labels: parseNodeLabels([...told('node-labels'), flags.nodeLabels].join(',')),
    taints: (nodeRegistration.taints ?? []).map(({ key, value = '', effect }) => `${key}=${value}:${effect}`),
    args: argumentWords(args.filter(({ name }) => name !== 'node-labels' && name !== 'node-ip')),
  };
  return {
    settings: settingsOfConfiguration(config, document.written, node),
    caCertPath: config.caCertPath,
    ignoredChecks: nodeRegistration.ignorePreflightErrors ?? [],
    skipPhases: config.skipPhases ?? [],
    dryRun: config.dryRun ?? false,
    warnings: [...warnings, ...unheededDocuments(documents, 'join'), ...unheededFields([document])],
  };
}
