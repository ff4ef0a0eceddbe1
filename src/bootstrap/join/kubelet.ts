import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { parse } from 'yaml';
import { durationMs } from '../../api/duration.ts';
import type { ConfigMap } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage, failedPrecondition, isNotFound } from '../../base/errors.ts';
import { ApiConnection } from '../../client/connection.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import { DIRECTORY_MODE, writeFileAtomic } from '../../linux/atomic-file.ts';
import { type NodeCluster, nodeConfiguration, nodeUnits } from '../daemons/node.ts';
import { certificateData, kubeconfigText } from '../kubeconfig-file.ts';
import { nodeKubeletConfiguration, withClientCa } from '../kubelet-configuration.ts';
import { waitForKubelet } from '../kubelet-health.ts';
import { machineResolverFile } from '../machine-resolver.ts';
import { joinPaths } from '../marker/paths.ts';
import { ensureMarker, makeParents } from '../marker.ts';
import type { Say } from '../phases.ts';
import { PROXY_CONFIG_KEY, PROXY_CONFIG_MAP } from '../proxy-configuration.ts';
import { serviceState } from '../service-state.ts';
import { NODE_SERVICE, type Services } from '../services.ts';
import { waitUntil } from '../wait.ts';
import { checkProxy } from './check-proxy.ts';
import type { FoundCluster, JoinContext } from './context.ts';
import { foundCluster, hasCredentials, refuseOtherNode } from './find-cluster.ts';
import { warnOfUnreachedNodes } from './unreached-nodes.ts';

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;
const BOOTSTRAP_USER = 'tls-bootstrap-token-user';

/** A file that a node needs, and its permission bits. */
interface WantedFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Reads the cluster's configuration, writes what the kubelet needs, and starts the runtime and the node's daemon. Nothing is written before all of it was read. Safe to repeat. */
export async function startKubelet(context: JoinContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, gantry, dryRun, print } = context;
  const services = servicesOf(context);
  const mark = (): void =>
    ensureMarker(files, 'join', { passed: context.found.hasPassed === true, claims: joinPaths(files) });
  let textOf = textIfThere;
  if (hasCredentials(files)) {
    await refuseOtherNode(context, say, signal);
    say(`Using the credentials in "${files.kubeletConf}"`);
    if (!dryRun) mark();
  } else {
    const wanted = await wantedFiles(context, await foundCluster(context, say, signal), say, signal);
    textOf = path => wanted.find(file => file.path === path)?.text;
    const asked = textOf(files.proxyConfig);
    if (asked !== undefined) await checkProxy(context, asked, say);
    say(`Writing kubelet configuration to file "${files.kubeletConfig}"`);
    if (!dryRun) mark();
    for (const { path, text, mode } of wanted)
      if (dryRun) print(`[dryrun] Would write file "${path}" (mode ${mode.toString(8).padStart(4, '0')})`);
      else {
        makeParents(path, DIRECTORY_MODE, files, 'join');
        writeFileAtomic(path, text, { mode, durable: true });
      }
  }
  if (!dryRun) mkdirSync(files.manifestsDir, { recursive: true, mode: 0o700 });
  say('Starting the runtime and the kubelet');
  const known = clusterOfConfiguration(textOf(files.clusterConfiguration) ?? '', files.clusterConfiguration);
  const proxy = textOf(files.proxyConfig);
  const cluster = { ...known, proxyDisabled: known.proxyDisabled || proxy === undefined };
  const read = nodeConfiguration(textOf(files.kubeletConfig) ?? '', proxy ?? '');
  for (const unit of nodeUnits(settings.node, cluster, files, gantry, read))
    if (dryRun) print(`[dryrun] Would start ${unit.name} as:\n\t${unit.argv.join(' \\\n\t  ')}`);
    else await services.start(unit, signal);
}

function textIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

async function wantedFiles(
  { files, settings }: JoinContext,
  cluster: FoundCluster,
  say: Say,
  signal: AbortSignal,
): Promise<readonly WantedFile[]> {
  const { server, ca, certificate, token } = cluster;
  const connection = new ApiConnection({ ...cluster, namespace: 'default' }, { userAgent: 'gantry-join' });
  try {
    say('Reading configuration from the "kubelet-config" ConfigMap in namespace "kube-system"');
    const { apiCallMs } = settings.timeouts;
    const read = (name: string, key: string): Promise<string> =>
      readConfigMap(connection, { name, key, timeoutMs: apiCallMs }, signal);
    const kubelet = await read('kubelet-config', 'kubelet');
    const configuration = await read('kubeadm-config', 'ClusterConfiguration');
    const proxy = await readProxyConfiguration(connection, apiCallMs, signal);
    if (proxy === undefined)
      say(`There is no ConfigMap "${PROXY_CONFIG_MAP}": the cluster was made without the proxy, so none runs here`);
    const credentials = certificate === undefined ? { token: token ?? '' } : certificateData(certificate);
    const bootstrap = kubeconfigText({ clusterName: 'kubernetes', server, ca, user: BOOTSTRAP_USER, credentials });
    return [
      {
        path: files.kubeletConfig,
        text: nodeKubeletConfiguration(withClientCa(kubelet, configuration, files.caCert), machineResolverFile()),
        mode: 0o644,
      },
      { path: files.clusterConfiguration, text: configuration, mode: 0o644 },
      ...(proxy === undefined ? [] : [{ path: files.proxyConfig, text: proxy, mode: 0o644 }]),
      { path: files.caCert, text: ca, mode: 0o644 },
      { path: files.bootstrapKubeletConf, text: bootstrap, mode: 0o600 },
    ];
  } finally {
    connection.close();
  }
}

/** Waits until the kubelet has its certificate and is well; then the credentials that it asked with go. */
export async function waitForBootstrap(context: JoinContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, dryRun } = context;
  if (dryRun) return say('Would wait for the kubelet to perform the TLS Bootstrap');
  const services = servicesOf(context);
  say('Waiting for the kubelet to perform the TLS Bootstrap');
  await waitUntil(
    {
      what: `the control plane to sign the kubelet's certificate (${files.kubeletConf})`,
      timeoutMs: settings.timeouts.tlsBootstrapMs,
      pauseMs: 100,
      signal,
      hint: () => serviceState(services, NODE_SERVICE),
    },
    async () => {
      if (!hasCredentials(files)) throw failedPrecondition('it is not signed yet');
    },
  );
  const configuration = readFileSync(files.kubeletConfig, 'utf8');
  await waitForKubelet({ configuration, services, timeoutMs: settings.timeouts.kubeletMs, signal });
  // it has done its work, and its token is a secret
  if (existsSync(files.bootstrapKubeletConf)) rmSync(files.bootstrapKubeletConf, { force: true });
  await warnOfUnreachedNodes({ kubeconfig: files.kubeletConf, nodeName: settings.node.nodeName }, say, signal);
}

/** The rules for tokens come a moment after the token. */
function readConfigMap(
  connection: ApiConnection,
  { name, key, timeoutMs }: { readonly name: string; readonly key: string; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<string> {
  const maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
  return waitUntil({ what: `the ConfigMap ${name} in kube-system`, timeoutMs, pauseMs: 500, signal }, async looking => {
    const text = (await maps.get('kube-system', name, looking)).data?.[key];
    if (text === undefined) throw failedPrecondition(`it has no key ${key}`);
    return text;
  });
}

/**
 * The KubeProxyConfiguration of the cluster; undefined where it has none, as where phase addon/kube-proxy of init was left out or an admin has deleted the ConfigMap to serve
 * Services by something else. Its rules are made before those of what was read before it, and all of them are missing where the phase was left out.
 */
async function readProxyConfiguration(
  connection: ApiConnection,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
  const what = `the ConfigMap ${PROXY_CONFIG_MAP} in kube-system`;
  return waitUntil({ what, timeoutMs, pauseMs: 500, signal }, async looking => {
    try {
      return (await maps.get('kube-system', PROXY_CONFIG_MAP, looking)).data?.[PROXY_CONFIG_KEY];
    } catch (error) {
      if (isNotFound(error) || errorCode(error) === 'permission-denied') return undefined;
      throw error;
    }
  });
}

function clusterOfConfiguration(text: string, path: string): NodeCluster {
  try {
    const {
      networking,
      certificateValidityPeriod = '8760h0m0s',
      dns,
      proxy,
    } = parse(text) as {
      readonly networking: Record<string, string>;
      readonly certificateValidityPeriod?: string;
      readonly dns?: { readonly disabled?: boolean };
      readonly proxy?: { readonly disabled?: boolean };
    };
    const { podSubnet = '', serviceSubnet = '', dnsDomain = '' } = networking;
    return {
      podSubnet,
      serviceSubnet,
      dnsDomain,
      certificateValidityMs: durationMs(certificateValidityPeriod),
      proxyDisabled: proxy?.disabled === true,
      dnsDisabled: dns?.disabled === true,
    };
  } catch (error) {
    throw failedPrecondition(`${path} cannot be read: ${errorMessage(error)}`);
  }
}

function servicesOf({ services }: JoinContext): Services {
  if (services === undefined)
    throw failedPrecondition('nothing here keeps daemons running (phase preflight says more)');
  return services;
}
