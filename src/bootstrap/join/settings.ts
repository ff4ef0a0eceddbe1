import { durationMs } from '../../api/duration.ts';
import type { JoinConfiguration } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { invalidArgument } from '../../base/errors.ts';
import type { NodeIdentity } from '../daemons/node.ts';
import { shownLocation } from '../discovery/shown-location.ts';
import { parseToken } from '../token.ts';
import type { JoinSettings } from './context.ts';

/** How to find the cluster, as flags say it; texts are empty where they were not given. */
export interface DiscoveryFlags {
  readonly endpoint: string;
  readonly token: string;
  readonly discoveryToken: string;
  readonly tlsBootstrapToken: string;
  readonly discoveryFile: string;
  readonly pins: readonly string[];
  readonly skipCaVerification: boolean;
}

/** A server that does not answer in this time is not there: people find out at once. A file that sets `timeouts.discovery` waits for one that is still being made. */
const DISCOVERY_MS = 2_500;
/** kubeadm's. */
const TLS_BOOTSTRAP_MS = 300_000;
const KUBELET_MS = 240_000;
const API_CALL_MS = 60_000;

/** What flags mean together. Throws `invalid-argument` that names what is missing, or given twice. Pure. */
export function settingsOfFlags(flags: DiscoveryFlags, node: NodeIdentity): JoinSettings {
  const { endpoint, token, discoveryToken, tlsBootstrapToken, discoveryFile, pins, skipCaVerification } = flags;
  const discoverBy = discoveryToken || token;
  const bootstrapBy = tlsBootstrapToken || token;
  if (bootstrapBy !== '') parseToken(bootstrapBy);
  const common = {
    tlsBootstrapToken: bootstrapBy === '' ? undefined : bootstrapBy,
    node,
    timeouts: {
      discoveryMs: DISCOVERY_MS,
      tlsBootstrapMs: TLS_BOOTSTRAP_MS,
      kubeletMs: KUBELET_MS,
      apiCallMs: API_CALL_MS,
    },
  };
  if (discoveryFile !== '') {
    if (endpoint !== '' || discoveryToken !== '' || pins.length > 0)
      throw invalidArgument(
        '--discovery-file says where the cluster is and what its CA is: leave HOST:PORT, --discovery-token and --discovery-token-ca-cert-hash out',
      );
    if (!isDiscoveryFile(discoveryFile))
      throw invalidArgument(
        `--discovery-file: "${shownLocation(discoveryFile)}" is neither a path from / on nor an https:// URL of a kubeconfig`,
      );
    return { ...common, discovery: { file: discoveryFile } };
  }
  if (endpoint === '')
    throw invalidArgument(
      'which cluster? Give HOST:PORT of its API server with --token and --discovery-token-ca-cert-hash, as "gantry token create --print-join-command" prints them there, or --discovery-file, or --config',
    );
  const [, , port] = /^(\[[0-9a-fA-F:.]+\]|[^:/?#@\\[\]\s]+):(\d+)$/.exec(endpoint) ?? [];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    throw invalidArgument(
      `"${endpoint}": the port ${port} is none, ports are 1 to 65535 (6443 unless init was told otherwise)`,
    );
  if (port === undefined || !URL.canParse(`https://${endpoint}`))
    throw invalidArgument(`"${endpoint}" is not HOST:PORT, as "gantry init" has said it`);
  if (discoverBy === '')
    throw invalidArgument('give --token, as "gantry token create --print-join-command" on the control plane prints it');
  if (bootstrapBy === '')
    throw invalidArgument('give --tls-bootstrap-token beside --discovery-token, or --token for both');
  if (pins.length === 0 && !skipCaVerification)
    throw invalidArgument(
      'give --discovery-token-ca-cert-hash, as "gantry init" has said it, or --discovery-token-unsafe-skip-ca-verification: without either, whoever has the token could play the cluster',
    );
  return { ...common, discovery: { endpoint, token: parseToken(discoverBy), pins } };
}

/** Whether this can be the place of a kubeconfig to find a cluster by: a path from / on, or an HTTPS URL. Pure. */
export function isDiscoveryFile(location: string): boolean {
  return location.startsWith('/') || (location.startsWith('https://') && URL.canParse(location));
}

/** What a JoinConfiguration that was found valid says. `written` is the file's own: a time limit that is not in it is not kubeadm's five minutes. Pure. */
export function settingsOfConfiguration(
  config: JoinConfiguration,
  written: Readonly<Record<string, unknown>>,
  node: NodeIdentity,
): JoinSettings {
  const { bootstrapToken, file, tlsBootstrapToken = '' } = config.discovery;
  const timeouts = written['timeouts'] as Readonly<Record<string, string>> | undefined;
  const limit = (name: string, otherwise: number): number => {
    const text = timeouts?.[name];
    return text === undefined ? otherwise : durationMs(text);
  };
  const settings = settingsOfFlags(
    {
      endpoint: bootstrapToken?.apiServerEndpoint ?? '',
      token: '',
      discoveryToken: bootstrapToken?.token ?? '',
      tlsBootstrapToken: tlsBootstrapToken || (bootstrapToken?.token ?? ''),
      discoveryFile: file?.kubeConfigPath ?? '',
      pins: bootstrapToken?.caCertHashes ?? [],
      skipCaVerification: bootstrapToken?.unsafeSkipCAVerification === true,
    },
    node,
  );
  return {
    ...settings,
    timeouts: {
      discoveryMs: limit('discovery', DISCOVERY_MS),
      tlsBootstrapMs: limit('tlsBootstrap', TLS_BOOTSTRAP_MS),
      kubeletMs: limit('kubeletHealthCheck', KUBELET_MS),
      apiCallMs: limit('kubernetesAPICall', API_CALL_MS),
    },
  };
}
