import { parse } from 'yaml';
import type { ConfigMap } from '../api/types/gen/core-v1.ts';
import { failedPrecondition, invalidArgument } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { spkiPin } from '../pki/keys.ts';
import { pemBlocks } from '../pki/pem.ts';
import { isDetachedSignature } from './jws.ts';
import { CLUSTER_INFO, SIGNATURE_KEY } from './objects/plan.ts';
import type { BootstrapToken } from './token.ts';
import { waitUntil } from './wait.ts';

export interface DiscoveryOptions {
  /** `host:port` of the API server. */
  readonly endpoint: string;
  readonly token: BootstrapToken;
  /** `sha256:<hex>`, one of which the CA's key must have. Empty: the token alone vouches. */
  readonly pins: readonly string[];
  readonly signal: AbortSignal;
}

export interface DiscoveredCluster {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
}

/** A server that does not answer in this time is not there: people find out at once, not after minutes. */
const REACH_PATIENCE_MS = 30_000;
/** The signer puts its signature there a moment after the token was made. */
const SIGNATURE_PATIENCE_MS = 10_000;
const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;

/**
 * Learns where the cluster is and what its CA is, from somebody not trusted yet: cluster-info must be signed with the token, its CA have a pinned key, and what is told over a
 * connection that this CA vouches for must be the same. kubeadm's steps and texts.
 */
export async function discoverCluster(options: DiscoveryOptions): Promise<DiscoveredCluster> {
  const { endpoint, token, pins, signal } = options;
  const server = `https://${endpoint}`;
  const info = await readClusterInfo({ server, namespace: 'default', insecureSkipVerify: true }, token, signal);
  const kubeconfig = checkedKubeconfig(info, token);
  const found = clusterOf(kubeconfig);
  if (pins.length === 0) return found;
  checkPins(found.ca, pins);
  const again = await readClusterInfo({ server, namespace: 'default', ca: found.ca }, token, signal);
  if (again.data?.['kubeconfig'] !== kubeconfig)
    throw failedPrecondition(
      'the second kubeconfig from the cluster-info ConfigMap (using validated TLS) was different from the first',
    );
  return found;
}

async function readClusterInfo(
  endpoint: ConstructorParameters<typeof ApiConnection>[0],
  token: BootstrapToken,
  signal: AbortSignal,
): Promise<ConfigMap> {
  const connection = new ApiConnection(endpoint, { userAgent: 'gantry-join' });
  const maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
  const read = (looking: AbortSignal): Promise<ConfigMap> =>
    maps.get(CLUSTER_INFO.namespace, CLUSTER_INFO.name, looking);
  try {
    const first = await waitUntil(
      { what: `the cluster-info ConfigMap of ${endpoint.server}`, timeoutMs: REACH_PATIENCE_MS, pauseMs: 500, signal },
      read,
    );
    if (first.data?.[`${SIGNATURE_KEY}${token.id}`] !== undefined) return first;
    return await waitUntil(
      {
        what: `cluster-info to be signed with the token "${token.id}"`,
        timeoutMs: SIGNATURE_PATIENCE_MS,
        pauseMs: 500,
        signal,
        hint: () => 'run "gantry init" again on the control plane: it makes a new token and says how to join',
      },
      async looking => {
        const info = await read(looking);
        if (info.data?.[`${SIGNATURE_KEY}${token.id}`] === undefined)
          throw failedPrecondition(`token id "${token.id}" is invalid for this cluster or it has expired`);
        return info;
      },
    );
  } finally {
    connection.close();
  }
}

/** The kubeconfig in cluster-info, once the token is seen to have signed it. */
export function checkedKubeconfig({ data }: ConfigMap, token: BootstrapToken): string {
  const kubeconfig = data?.['kubeconfig'] ?? '';
  if (kubeconfig === '')
    throw failedPrecondition(
      "there is no kubeconfig key in the cluster-info ConfigMap. This API Server isn't set up for token bootstrapping, can't connect",
    );
  if (!isDetachedSignature(data?.[`${SIGNATURE_KEY}${token.id}`] ?? '', kubeconfig, token))
    throw failedPrecondition(
      "failed to verify JWS signature of received cluster info object, can't trust this API Server",
    );
  return kubeconfig;
}

/** Throws unless a CA of the bundle has one of the keys. */
export function checkPins(bundle: string, pins: readonly string[]): void {
  const wrong = pins.find(pin => !/^sha256:[0-9a-f]{64}$/i.test(pin));
  if (wrong !== undefined)
    throw invalidArgument(`invalid discovery token CA certificate hash "${wrong}": it is "sha256:" and 64 hex digits`);
  const found = pemBlocks(bundle)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ content }) => spkiPin(parseCertificate(content).publicKey));
  const wanted = pins.map(pin => pin.toLowerCase());
  if (!found.some(pin => wanted.includes(pin)))
    throw failedPrecondition(
      `cluster CA found in cluster-info ConfigMap is invalid: its key is ${found.join(', ')}, not ${wanted.join(' or ')}`,
    );
}

function clusterOf(kubeconfig: string): DiscoveredCluster {
  const config = parse(kubeconfig) as {
    readonly clusters?: readonly { readonly cluster?: Readonly<Record<string, unknown>> }[];
  } | null;
  const cluster = config?.clusters?.[0]?.cluster ?? {};
  const { server, 'certificate-authority-data': ca } = cluster;
  if (typeof server !== 'string' || typeof ca !== 'string')
    throw failedPrecondition('malformed kubeconfig in the cluster-info ConfigMap');
  return { server, ca: Buffer.from(ca, 'base64').toString() };
}
