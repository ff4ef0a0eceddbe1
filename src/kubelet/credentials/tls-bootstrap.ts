import type { KeyObject } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { aborted, sleep } from '../../base/signals.ts';
import { ApiConnection } from '../../client/connection.ts';
import { type ApiEndpoint, lacksItsPair, readKubeconfig } from '../../client/kubeconfig.ts';
import type { Logger } from '../../daemon/logger.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { WatchedFiles } from '../../linux/watched-files.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { generateKey, privateKeyPem, readPrivateKey } from '../../pki/keys.ts';
import { CLIENT_PURPOSE, RequestRefused, requestNodeCertificate } from './certificate-request.ts';
import { currentPath, readIfThere, readStored, storeCertificate } from './certificate-store.ts';

export interface BootstrapOptions {
  /** Where the kubelet's own kubeconfig is, or will be. */
  readonly kubeconfig: string;
  /** With credentials that are good for asking for a certificate and no more: a bootstrap token. */
  readonly bootstrapKubeconfig: string;
  /** `/var/lib/kubelet/pki`. */
  readonly certificateDir: string;
  readonly nodeName: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/**
 * The kubelet's own credentials: those of its kubeconfig where they are still good, else new ones that it asks for with the bootstrap credentials. Waits until
 * the control plane is there and has signed; cut off anywhere, the next start goes on with the same key and request. Throws where the request is refused.
 */
export async function bootstrapCredentials(options: BootstrapOptions, signal: AbortSignal): Promise<ApiEndpoint> {
  const { kubeconfig, bootstrapKubeconfig, certificateDir, nodeName, userAgent, clock, log } = options;
  const present = await goodOrAskable(options, signal);
  if (present !== undefined) return present;
  const endpoint = readKubeconfig(bootstrapKubeconfig);
  const connection = new ApiConnection(endpoint, { userAgent });
  const keyFile = `${certificateDir}/${CLIENT_PURPOSE.fileName}.key.tmp`;
  const key = keptKey(keyFile);
  log.info({ node: nodeName, server: endpoint.server }, 'asking for a client certificate');
  try {
    const certificate = await untilSigned(connection, key, options, signal);
    const pem = `${certificate.trimEnd()}\n${privateKeyPem(key)}`;
    const current = storeCertificate(certificateDir, CLIENT_PURPOSE.fileName, pem, new Date(clock.now()));
    writeFileAtomic(kubeconfig, ownKubeconfig(endpoint, current), { mode: 0o600, durable: true });
    rmSync(keyFile, { force: true });
    const until = new Date(parseCertificate(certificate).validTo).toISOString();
    log.info({ kubeconfig, certificate: current, until }, 'the control plane signed the client certificate');
    return readKubeconfig(kubeconfig);
  } catch (error) {
    // another key makes another request
    if (error instanceof RequestRefused) rmSync(keyFile, { force: true });
    throw error instanceof RequestRefused ? failedPrecondition(error.message, { cause: error }) : error;
  } finally {
    connection.close();
  }
}

/**
 * The credentials that are there and good. Undefined where others have to be asked for, and can be. Where they are over and there is no token to ask with, it waits for
 * either and says what to do: a control plane on this machine renews them by itself when it starts.
 */
async function goodOrAskable(options: BootstrapOptions, signal: AbortSignal): Promise<ApiEndpoint | undefined> {
  const { kubeconfig, bootstrapKubeconfig, certificateDir, clock, log } = options;
  let wake = (): void => {};
  let watched: WatchedFiles | undefined;
  try {
    for (;;) {
      const changed = new Promise<void>(resolve => {
        wake = resolve;
      });
      const present = ownCredentials(kubeconfig, certificateDir, clock.now());
      if (present === undefined || present.until > clock.now()) return present?.endpoint;
      if (readIfThere(bootstrapKubeconfig) !== undefined) return undefined;
      if (watched === undefined) {
        log.error({ kubeconfig }, expiredCredentials(present.until));
        const paths = (): readonly string[] => [
          kubeconfig,
          bootstrapKubeconfig,
          currentPath(certificateDir, CLIENT_PURPOSE.fileName),
        ];
        watched = new WatchedFiles({ paths, onChange: () => wake(), clock });
      }
      await Promise.race([changed, aborted(signal)]);
      signal.throwIfAborted();
    }
  } finally {
    watched?.close();
  }
}

/** What to do about a client certificate that is over. Pure. */
export function expiredCredentials(until: number): string {
  return (
    `the client certificate of this node expired at ${new Date(until).toISOString()}, so the API server lets it in no more. On a control-plane machine it is renewed when ` +
    'gantry-control-plane runs; elsewhere run "gantry token create --print-join-command" on the control plane, and here the command that it prints'
  );
}

/**
 * The kubelet's own credentials: those of its kubeconfig, or the newest of the certificates that it got itself where that holds longer, as upstream. Undefined where there is
 * no kubeconfig. One that cannot be read is an error: nobody replaces what an administrator wrote. `until` is Infinity where it is no certificate that proves who it is.
 */
export function ownCredentials(
  kubeconfig: string,
  certificateDir: string,
  now: number,
): { readonly endpoint: ApiEndpoint; readonly until: number } | undefined {
  if (readIfThere(kubeconfig) === undefined) return undefined;
  let endpoint: ApiEndpoint;
  try {
    endpoint = readKubeconfig(kubeconfig);
  } catch (error) {
    // asked for anew, as one that is over
    if (lacksItsPair(error)) return undefined;
    throw error;
  }
  if (endpoint.certificate === undefined) return { endpoint, until: Number.POSITIVE_INFINITY };
  const until = Date.parse(parseCertificate(endpoint.certificate.cert).validTo);
  const stored = readStored(certificateDir, CLIENT_PURPOSE.fileName);
  if (stored === undefined || stored.notAfter <= Math.max(until, now)) return { endpoint, until };
  return { endpoint: { ...endpoint, certificate: { cert: stored.cert, key: stored.key } }, until: stored.notAfter };
}

function keptKey(path: string): KeyObject {
  const kept = readIfThere(path);
  if (kept !== undefined) return readPrivateKey(kept);
  const key = generateKey();
  writeFileAtomic(path, privateKeyPem(key), { mode: 0o600, durable: true });
  return key;
}

async function untilSigned(
  connection: ApiConnection,
  key: KeyObject,
  { nodeName, clock, log }: BootstrapOptions,
  signal: AbortSignal,
): Promise<string> {
  let told = '';
  for (let failures = 0; ; failures += 1) {
    try {
      const onTrouble = (message: string): void => log.warn(message);
      return await requestNodeCertificate(
        connection,
        { nodeName, purpose: CLIENT_PURPOSE, key, clock, onTrouble },
        signal,
      );
    } catch (error) {
      if (signal.aborted || error instanceof RequestRefused) throw error;
      const because = errorMessage(error);
      if (because !== told) log.warn({ because }, 'the client certificate could not be asked for yet');
      told = because;
      await sleep(Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS), signal, clock);
    }
  }
}

/** The kubeconfig that names the link to the newest certificate, so that a rotation need not write it again. As upstream writes it. */
function ownKubeconfig({ server, ca, serverName, insecureSkipVerify }: ApiEndpoint, certificate: string): string {
  const cluster = {
    ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    ...(insecureSkipVerify === true ? { 'insecure-skip-tls-verify': true } : {}),
    server,
    ...(serverName === undefined ? {} : { 'tls-server-name': serverName }),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'default-cluster', cluster }],
    contexts: [
      { name: 'default-context', context: { cluster: 'default-cluster', namespace: 'default', user: 'default-auth' } },
    ],
    'current-context': 'default-context',
    preferences: {},
    users: [{ name: 'default-auth', user: { 'client-certificate': certificate, 'client-key': certificate } }],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
