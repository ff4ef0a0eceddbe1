import type { ConfigMap } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { spkiPin } from '../../pki/keys.ts';
import { pemBlocks } from '../../pki/pem.ts';
import { isDetachedSignature } from '../jws.ts';
import { CLUSTER_INFO, SIGNATURE_KEY } from '../objects/plan.ts';
import type { BootstrapToken } from '../token.ts';
import { waitUntil } from '../wait.ts';
import type { ClockReading } from './clock-skew.ts';
import { EndpointError } from './endpoint-problem.ts';
import { clusterOfKubeconfig, type DiscoveredCluster } from './kubeconfig-cluster.ts';
import { type EndpointAnswer, type EndpointRequest, readEndpoint } from './read-endpoint.ts';

export interface TokenDiscovery {
  /** `host:port` of the API server. */
  readonly endpoint: string;
  readonly token: BootstrapToken;
  /** `sha256:<hex>`, one of which the CA's key must have. Empty: the token alone vouches. */
  readonly pins: readonly string[];
}

export interface DiscoveryOptions {
  readonly patienceMs: number;
  /** Told of each answer, before anything else is made of it. */
  readonly onClock: (reading: ClockReading) => void;
  readonly signal: AbortSignal;
}

/** A token that was made a moment ago is signed with by then; one that is not is not known. */
const SIGNATURE_PATIENCE_MS = 1_000;
const PATH = `/api/v1/namespaces/${CLUSTER_INFO.namespace}/configmaps/${CLUSTER_INFO.name}`;

/** What to do about a token that is not taken. */
export const NEW_TOKEN =
  'run "gantry token create --print-join-command" on the control plane, and here the command that it prints';

/**
 * Learns where the cluster is and what its CA is, from somebody not trusted yet: cluster-info must be signed with the token, its CA have a pinned key, and what is told over a
 * connection that this CA vouches for must be the same. kubeadm's steps and texts.
 */
export async function discoverByToken(
  { endpoint, token, pins }: TokenDiscovery,
  options: DiscoveryOptions,
): Promise<DiscoveredCluster> {
  const url = `https://${endpoint}${PATH}`;
  const first = await readClusterInfo({ url, ...options }, options);
  const signed = hasSignature(first, token) ? first : await signedClusterInfo(url, token, options);
  const kubeconfig = checkedKubeconfig(signed, token);
  const found = clusterOfKubeconfig(kubeconfig, 'the cluster-info ConfigMap');
  if (pins.length === 0) return found;
  checkPins(found.ca, pins);
  const again = await readClusterInfo({ url, ca: found.ca, ...options }, options);
  if (again.data?.['kubeconfig'] !== kubeconfig)
    throw failedPrecondition(
      'the second kubeconfig from the cluster-info ConfigMap (using validated TLS) was different from the first: somebody may sit between; join again from another network',
    );
  return found;
}

function signedClusterInfo(url: string, token: BootstrapToken, options: DiscoveryOptions): Promise<ConfigMap> {
  return waitUntil(
    {
      what: `cluster-info to be signed with the token "${token.id}"`,
      timeoutMs: SIGNATURE_PATIENCE_MS,
      pauseMs: 200,
      signal: options.signal,
    },
    async () => {
      const info = await readClusterInfo({ url, ...options }, options);
      if (!hasSignature(info, token)) throw failedPrecondition('it is not');
      return info;
    },
  ).catch((error: unknown) => {
    if (error instanceof EndpointError) throw error;
    options.signal.throwIfAborted();
    throw failedPrecondition(
      `token id "${token.id}" is invalid for this cluster or it has expired. Use "gantry token list" on the control plane to see which there are; to join, ${NEW_TOKEN}`,
    );
  });
}

function hasSignature({ data }: ConfigMap, { id }: BootstrapToken): boolean {
  return data?.[`${SIGNATURE_KEY}${id}`] !== undefined;
}

async function readClusterInfo(request: EndpointRequest, { onClock }: DiscoveryOptions): Promise<ConfigMap> {
  const answer = await readEndpoint(request);
  onClock(answer.clock);
  return clusterInfoOf(answer, request.url);
}

/** The ConfigMap in an answer. Throws what else the answer says of who gave it. Pure. */
export function clusterInfoOf({ status, type, body }: Omit<EndpointAnswer, 'clock'>, url: string): ConfigMap {
  const { host } = new URL(url);
  const object = jsonObject(body);
  if (status === 200 && object?.['kind'] === 'ConfigMap') return object as unknown as ConfigMap;
  if (object?.['kind'] !== 'Status')
    throw new EndpointError({
      message: `what answers at https://${host} is no Kubernetes API server (HTTP ${status}${type === '' ? '' : `, ${type}`}): is the port right (6443 unless init was told otherwise)?`,
    });
  if (status === 404)
    throw failedPrecondition(
      `${host} has no ConfigMap "${CLUSTER_INFO.name}" in namespace "${CLUSTER_INFO.namespace}", so nobody can join by a token: run "gantry init phase bootstrap-token" there`,
    );
  if (status === 401 || status === 403)
    throw failedPrecondition(
      `${host} does not let anonymous users read the ConfigMap "${CLUSTER_INFO.name}": join with --discovery-file, or run "gantry init phase bootstrap-token" there`,
    );
  throw new EndpointError({
    message: `the API server at ${host} answers HTTP ${status}: ${String(object['message'] ?? '')}; try again when it is well`,
  });
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
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
      `failed to verify JWS signature of received cluster info object, can't trust this API Server: the part of the token behind its "." is not the right one. To join, ${NEW_TOKEN}`,
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
      `cluster CA found in cluster-info ConfigMap is invalid: its key is ${found.join(', ')}, not ${wanted.join(' or ')}. Either this is another cluster, or --discovery-token-ca-cert-hash is of one: compare with what "gantry token create --print-join-command" prints on the control plane`,
    );
}
