import { existsSync } from 'node:fs';
import { parse } from 'yaml';
import type { ConfigMap, Node } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import { lacksItsPair, readKubeconfig } from '../../client/kubeconfig.ts';
import { certificateIdentity, parseCertificate } from '../../pki/certificate.ts';
import { type ClockReading, clockFinding } from '../discovery/clock-skew.ts';
import { discoverByFile, type FileDiscovery } from '../discovery/file.ts';
import { type EndpointAnswer, readEndpoint } from '../discovery/read-endpoint.ts';
import { shownLocation } from '../discovery/shown-location.ts';
import { discoverByToken, NEW_TOKEN } from '../discovery/token.ts';
import type { Files } from '../files.ts';
import type { Say } from '../phases.ts';
import { PreflightError } from '../preflight/findings.ts';
import type { ClusterNetworks } from '../preflight/own-networks.ts';
import type { FoundCluster, JoinContext } from './context.ts';
import { isSameCluster, shareAuthority, standingName } from './standing-node.ts';

const ASK_PATIENCE_MS = 2_000;

/** The certificate that kubelet.conf leads to; undefined where it has credentials of another kind. Nothing where it is not there, or leads to a file that is not. */
function kubeletCertificate({
  kubeletConf,
}: Pick<Files, 'kubeletConf'>): { readonly pem: string | undefined } | undefined {
  if (!existsSync(kubeletConf)) return undefined;
  try {
    return { pem: readKubeconfig(kubeletConf).certificate?.cert };
  } catch (error) {
    // a pair that was taken away by hand is asked for anew, as one that is over
    if (lacksItsPair(error)) return undefined;
    throw error;
  }
}

/** True where the kubelet here has credentials that are not over. */
export function hasCredentials(files: Pick<Files, 'kubeletConf'>): boolean {
  const found = kubeletCertificate(files);
  if (found === undefined) return false;
  return found.pem === undefined || Date.parse(parseCertificate(found.pem).validTo) > Date.now();
}

/** True where the kubelet here was this very node of the cluster: it has a certificate of that name by the cluster's CA, which may be over. */
function wasThisNode(files: Files, name: string, ca: string): boolean {
  const pem = kubeletCertificate(files)?.pem;
  if (pem === undefined) return false;
  const shown = parseCertificate(pem);
  const { commonName } = certificateIdentity(shown.raw);
  return commonName === `system:node:${name}` && shown.verify(parseCertificate(ca).publicKey);
}

/**
 * The credentials that are here are kept only for the node and the cluster that are asked for. Throws `failed-precondition` for any other: this machine would stay what it is, or be
 * started under a name that its certificate is not of.
 */
export async function refuseOtherNode(context: JoinContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files } = context;
  const { nodeName } = settings.node;
  const { server, ca, certificate } = readKubeconfig(files.kubeletConf);
  const standing = { server, ca, certificate: certificate?.cert };
  const name = standingName(standing);
  const already = `this machine is the node${name === undefined ? '' : ` "${name}"`} of the cluster at ${server} (${files.kubeletConf})`;
  if (name !== undefined && name !== nodeName)
    throw failedPrecondition(
      `${already}, and is asked to be "${nodeName}": run "gantry reset" first, or give its name`,
    );
  const { discovery } = settings;
  const asked =
    'file' in discovery
      ? { nodeName, pins: [], endpoint: undefined }
      : { nodeName, pins: discovery.pins, endpoint: discovery.endpoint };
  const told = isSameCluster(standing, asked);
  if (told === 'unknown' && ca === undefined) return;
  const isSame = told === 'unknown' ? shareAuthority(ca ?? '', (await discovered(context, say, signal)).ca) : told;
  if (!isSame)
    throw failedPrecondition(
      `${already}, whose CA is another than that of the cluster that it is asked to join: run "gantry reset" first`,
    );
}

/** The cluster, found and known by what was told to know it by. Asked once, however many phases want it. */
export async function foundCluster(context: JoinContext, say: Say, signal: AbortSignal): Promise<FoundCluster> {
  const { settings, found } = context;
  if (found.cluster !== undefined) return found.cluster;
  const { server, ca, credentials } = await discovered(context, say, signal);
  const { tlsBootstrapToken } = settings;
  const asWhom = tlsBootstrapToken === undefined ? credentials : { token: tlsBootstrapToken };
  if (asWhom === undefined)
    throw failedPrecondition(
      'the discovery file has no credentials to ask for a certificate with: give --tls-bootstrap-token',
    );
  found.cluster = { server, ca, ...asWhom };
  return found.cluster;
}

async function discovered(context: JoinContext, say: Say, signal: AbortSignal): Promise<FileDiscovery> {
  const { discovery, timeouts } = context.settings;
  const options = { patienceMs: timeouts.discoveryMs, onClock: clockJudge(context, say), signal };
  if ('file' in discovery) {
    say(`Reading where the cluster is from ${shownLocation(discovery.file)}`);
    return discoverByFile(discovery.file, options);
  }
  say(`Asking ${discovery.endpoint} for the cluster's CA`);
  const cluster = await discoverByToken(discovery, options);
  say(
    discovery.pins.length === 0
      ? 'The token has signed where the cluster is; nobody has pinned its CA'
      : 'The CA is the one that was pinned, and the token has signed where the cluster is',
  );
  return cluster;
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

/** What the cluster says of names and networks by its kubeadm-config, which those who join may read; nothing where it does not tell. */
export async function toldOfCluster(
  cluster: FoundCluster,
  signal: AbortSignal,
): Promise<{ readonly dnsDisabled: boolean; readonly networks: ClusterNetworks }> {
  const { dns, networking } = (await configured(cluster, ['kubeadm-config', 'ClusterConfiguration'], signal)) as {
    readonly dns?: { readonly disabled?: boolean };
    readonly networking?: Partial<Record<keyof ClusterNetworks, unknown>>;
  };
  const of = (name: keyof ClusterNetworks): string => {
    const said = networking?.[name];
    return typeof said === 'string' ? said : '';
  };
  return {
    dnsDisabled: dns?.disabled === true,
    networks: { serviceSubnet: of('serviceSubnet'), podSubnet: of('podSubnet') },
  };
}

/** The KubeletConfiguration of the cluster's nodes, by its kubelet-config, which those who join may read; nothing where it does not tell. */
export function clusterKubelet(cluster: FoundCluster, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  return configured(cluster, ['kubelet-config', 'kubelet'], signal);
}

async function configured(
  cluster: FoundCluster,
  [name, key]: readonly [string, string],
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const url = `${cluster.server}/api/v1/namespaces/kube-system/configmaps/${name}`;
  const { status, body } = await readEndpoint({ ...cluster, url, patienceMs: ASK_PATIENCE_MS, signal });
  if (status !== 200) return {};
  const { data } = JSON.parse(body) as ConfigMap;
  return (parse(data?.[key] ?? '') ?? {}) as Readonly<Record<string, unknown>>;
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
