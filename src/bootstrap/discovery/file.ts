import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { parse } from 'yaml';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { type ApiEndpoint, parseKubeconfig } from '../../client/kubeconfig.ts';
import { DiscoveryFileError } from './discovery-file-error.ts';
import { EndpointError } from './endpoint-problem.ts';
import { clusterOfKubeconfig, type DiscoveredCluster } from './kubeconfig-cluster.ts';
import { readEndpoint } from './read-endpoint.ts';
import { shownLocation } from './shown-location.ts';
import { clusterInfoOf, type DiscoveryOptions } from './token.ts';

/** A cluster, and the credentials to ask for a certificate with, where the file has some. */
export interface FileDiscovery extends DiscoveredCluster {
  readonly credentials?: Pick<ApiEndpoint, 'certificate' | 'token'>;
}

/**
 * Learns where the cluster is and what its CA is from a kubeconfig: a file of this machine, or one that an HTTPS server gives whom this machine's CAs vouch for. Whoever may
 * write it is trusted. That the server is there and has that CA behind it is looked at, too. Throws a DiscoveryFileError that names the location where it is no kubeconfig for this.
 */
export async function discoverByFile(location: string, options: DiscoveryOptions): Promise<FileDiscovery> {
  const text = location.startsWith('https://') ? await download(location, options) : readLocal(location);
  const { found, credentials } = toldBy(text, shownLocation(location));
  const url = `${found.server}/api/v1/namespaces/kube-public/configmaps/cluster-info`;
  const answer = await readEndpoint({ url, ca: found.ca, ...options });
  options.onClock(answer.clock);
  // one whose cluster-info is closed to strangers, or not there, is an API server all the same
  if (answer.status === 200 || !answer.type.startsWith('application/json')) clusterInfoOf(answer, url);
  return { ...found, ...(credentials === undefined ? {} : { credentials }) };
}

/** Throws a DiscoveryFileError with one line where a discovery file of this machine cannot be read, or is no kubeconfig to find a cluster by. One at a server is not looked at. Asks nobody. */
export function checkDiscoveryFile(location: string): void {
  if (!location.startsWith('/')) return;
  toldBy(readLocal(location), location);
}

/** What a discovery file says, wherever it is from; `location` as it is shown. Throws a DiscoveryFileError that names it where it is no kubeconfig for this. */
export function toldBy(
  text: string,
  location: string,
): { found: DiscoveredCluster; credentials: FileDiscovery['credentials'] } {
  try {
    return { found: clusterOfKubeconfig(text, location), credentials: credentialsOf(text, location) };
  } catch (error) {
    throw new DiscoveryFileError(errorMessage(error));
  }
}

function readLocal(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new DiscoveryFileError(`--discovery-file: ${errorMessage(error)}`);
  }
}

async function download(url: string, options: DiscoveryOptions): Promise<string> {
  const answer = await readEndpoint({ url, ca: 'system', ...options });
  options.onClock(answer.clock);
  if (answer.status !== 200)
    throw new EndpointError({
      message: `${shownLocation(url)} answers HTTP ${answer.status}: is it the URL of a kubeconfig?`,
    });
  return answer.body;
}

function isPair(pair: { readonly cert: string; readonly key: string }): boolean {
  try {
    createSecureContext(pair);
    return true;
  } catch {
    return false;
  }
}

/** Of a text in which a cluster was found. */
function credentialsOf(text: string, path: string): FileDiscovery['credentials'] {
  const { users } = parse(text) as { readonly users?: unknown };
  if (users === undefined || users === null || (Array.isArray(users) && users.length === 0)) return undefined;
  if (!Array.isArray(users)) throw failedPrecondition(`malformed kubeconfig in ${path}: its users are no list`);
  const { certificate, token } = parseKubeconfig(text, { path });
  if (certificate === undefined && token === undefined)
    throw failedPrecondition(`the user in ${path} has neither a client certificate nor a token`);
  if (certificate !== undefined && !isPair(certificate))
    throw failedPrecondition(
      `malformed kubeconfig in ${path}: the client certificate of its user, or the key of that, is none (PEM, in base64 where the field ends in -data), or they are of different pairs`,
    );
  return { ...(certificate === undefined ? {} : { certificate }), ...(token === undefined ? {} : { token }) };
}
