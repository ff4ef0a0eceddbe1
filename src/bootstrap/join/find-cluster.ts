import { existsSync } from 'node:fs';
import type { Node } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import { readKubeconfig } from '../../client/kubeconfig.ts';
import { certificateIdentity, parseCertificate } from '../../pki/certificate.ts';
import { type ClockReading, clockFinding } from '../discovery/clock-skew.ts';
import { discoverByFile, type FileDiscovery } from '../discovery/file.ts';
import { type EndpointAnswer, readEndpoint } from '../discovery/read-endpoint.ts';
import { discoverByToken, NEW_TOKEN } from '../discovery/token.ts';
import type { Files } from '../files.ts';
import type { Say } from '../phases.ts';
import { PreflightError } from '../preflight/findings.ts';
import type { FoundCluster, JoinContext } from './context.ts';

const ASK_PATIENCE_MS = 2_000;

/** True where the kubelet here has credentials that are not over. */
export function hasCredentials({ kubeletConf }: Files): boolean {
  if (!existsSync(kubeletConf)) return false;
  const { certificate } = readKubeconfig(kubeletConf);
  return certificate === undefined || Date.parse(parseCertificate(certificate.cert).validTo) > Date.now();
}

/** True where the kubelet here was this very node of the cluster: it has a certificate of that name by the cluster's CA, which may be over. */
function wasThisNode({ kubeletConf }: Files, name: string, ca: string): boolean {
  if (!existsSync(kubeletConf)) return false;
  const { certificate } = readKubeconfig(kubeletConf);
  if (certificate === undefined) return false;
  const shown = parseCertificate(certificate.cert);
  const { commonName } = certificateIdentity(shown.raw);
  return commonName === `system:node:${name}` && shown.verify(parseCertificate(ca).publicKey);
}

/** The cluster, found and known by what was told to know it by. Asked once, however many phases want it. */
export async function foundCluster(context: JoinContext, say: Say, signal: AbortSignal): Promise<FoundCluster> {
  const { settings, found } = context;
  if (found.cluster !== undefined) return found.cluster;
  const { discovery, tlsBootstrapToken, timeouts } = settings;
  const options = { patienceMs: timeouts.discoveryMs, onClock: clockJudge(context, say), signal };
  let cluster: FileDiscovery;
  if ('file' in discovery) {
    say(`Reading where the cluster is from ${discovery.file}`);
    cluster = await discoverByFile(discovery.file, options);
  } else {
    say(`Asking ${discovery.endpoint} for the cluster's CA`);
    cluster = await discoverByToken(discovery, options);
    say(
      discovery.pins.length === 0
        ? 'The token has signed where the cluster is; nobody has pinned its CA'
        : 'The CA is the one that was pinned, and the token has signed where the cluster is',
    );
  }
  const { server, ca, credentials } = cluster;
  const asWhom = tlsBootstrapToken === undefined ? credentials : { token: tlsBootstrapToken };
  if (asWhom === undefined)
    throw failedPrecondition(
      'the discovery file has no credentials to ask for a certificate with: give --tls-bootstrap-token',
    );
  found.cluster = { server, ca, ...asWhom };
  return found.cluster;
}

/** Clocks that are too far apart end the command at once, unless that check is ignored. */
function clockJudge({ ignoredChecks }: JoinContext, say: Say): (reading: ClockReading) => void {
  let told = false;
  const isIgnored = ignoredChecks.some(name => ['all', 'clockskew'].includes(name.toLowerCase()));
  return reading => {
    const finding = clockFinding(reading);
    if (finding === undefined) return;
    const { severity, message } = finding;
    if (severity === 'error' && !isIgnored) throw new PreflightError([{ check: 'ClockSkew', message, severity }]);
    if (!told) say(`\t[WARNING ClockSkew]: ${message}`);
    told = true;
  };
}

/** A node of the same name that is alive would be taken over: the two would fight for its pods. Unless it is this one. Sees, too, whether the credentials are good. */
export async function refuseTakenName(
  { settings, files }: Pick<JoinContext, 'settings' | 'files'>,
  cluster: FoundCluster,
  signal: AbortSignal,
): Promise<void> {
  const name = settings.node.nodeName;
  const url = `${cluster.server}/api/v1/nodes/${name}`;
  const answer = await readEndpoint({ ...cluster, url, patienceMs: ASK_PATIENCE_MS, signal });
  if (answer.status === 200 && wasThisNode(files, name, cluster.ca)) return;
  const problem = nodeAnswerProblem(answer, name, new URL(url).host);
  if (problem !== undefined) throw failedPrecondition(problem);
}

/** What the answer to a question for a Node of this name says against joining. Pure. */
export function nodeAnswerProblem(
  { status, body }: Pick<EndpointAnswer, 'status' | 'body'>,
  name: string,
  host: string,
): string | undefined {
  switch (status) {
    case 404:
      return undefined;
    case 200:
      return isReady(body)
        ? `a Node with name "${name}" and status "Ready" already exists in the cluster. You must delete the existing Node ("kubectl delete node ${name}") or change the name of this new joining Node (--node-name)`
        : undefined;
    case 401:
      return `the API server at ${host} does not take the token to log in with: it has expired, was deleted, or is not for authentication. To join, ${NEW_TOKEN}`;
    case 403:
      return `the token may not read Nodes at ${host}, so the cluster is not made ready for nodes to join: run "gantry init phase bootstrap-token" on the control plane`;
    default:
      return `the API server at ${host} answers HTTP ${status} to a question for the Node "${name}": try again when it is well`;
  }
}

function isReady(body: string): boolean {
  const { status } = JSON.parse(body) as Node;
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}
