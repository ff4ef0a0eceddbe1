import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { parse } from 'yaml';
import { durationMs } from '../../api/duration.ts';
import type { ConfigMap } from '../../api/types/gen/core-v1.ts';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { ApiConnection } from '../../client/connection.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { nodeUnits } from '../daemons/node.ts';
import { certificateData, kubeconfigText } from '../kubeconfig-file.ts';
import { waitForKubelet } from '../kubelet-health.ts';
import { ensureMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { PROXY_CONFIG_KEY, PROXY_CONFIG_MAP } from '../proxy-configuration.ts';
import { serviceState } from '../service-state.ts';
import { NODE_SERVICE, type Services } from '../services.ts';
import { waitUntil } from '../wait.ts';
import type { FoundCluster, JoinContext } from './context.ts';
import { foundCluster, hasCredentials } from './find-cluster.ts';

const CALL_PATIENCE_MS = 60_000;
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
  let configuration: string;
  if (hasCredentials(files)) {
    say(`Using the credentials in "${files.kubeletConf}"`);
    configuration = readFileSync(files.clusterConfiguration, 'utf8');
  } else {
    const wanted = await wantedFiles(context, await foundCluster(context, say, signal), say, signal);
    configuration = wanted.find(({ path }) => path === files.clusterConfiguration)?.text ?? '';
    if (!dryRun) ensureMarker(files, 'join');
    for (const { path, text, mode } of wanted)
      if (dryRun) print(`[dryrun] Would write file "${path}" (mode ${mode.toString(8).padStart(4, '0')})`);
      else writeFileAtomic(path, text, { mode, durable: true });
  }
  if (!dryRun) mkdirSync(files.manifestsDir, { recursive: true, mode: 0o700 });
  say('Starting the runtime and the kubelet');
  const cluster = clusterOfConfiguration(configuration, files.clusterConfiguration);
  for (const unit of nodeUnits(settings.node, cluster, files, gantry))
    if (dryRun) print(`[dryrun] Would start ${unit.name} as:\n\t${unit.argv.join(' \\\n\t  ')}`);
    else await services.start(unit, signal);
}

async function wantedFiles(
  { files }: JoinContext,
  cluster: FoundCluster,
  say: Say,
  signal: AbortSignal,
): Promise<readonly WantedFile[]> {
  const { server, ca, certificate, token } = cluster;
  const connection = new ApiConnection({ ...cluster, namespace: 'default' }, { userAgent: 'gantry-join' });
  try {
    say('Reading configuration from the "kubelet-config" ConfigMap in namespace "kube-system"');
    const kubelet = await readConfigMap(connection, 'kubelet-config', 'kubelet', signal);
    const configuration = await readConfigMap(connection, 'kubeadm-config', 'ClusterConfiguration', signal);
    const proxy = await readConfigMap(connection, PROXY_CONFIG_MAP, PROXY_CONFIG_KEY, signal);
    const credentials = certificate === undefined ? { token: token ?? '' } : certificateData(certificate);
    const bootstrap = kubeconfigText({ clusterName: 'kubernetes', server, ca, user: BOOTSTRAP_USER, credentials });
    say(`Writing kubelet configuration to file "${files.kubeletConfig}"`);
    return [
      { path: files.kubeletConfig, text: kubelet, mode: 0o644 },
      { path: files.clusterConfiguration, text: configuration, mode: 0o644 },
      { path: files.proxyConfig, text: proxy, mode: 0o644 },
      { path: `${files.pkiDir}/ca.crt`, text: ca, mode: 0o644 },
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
  await waitForKubelet(services, signal);
  // it has done its work, and its token is a secret
  if (existsSync(files.bootstrapKubeletConf)) rmSync(files.bootstrapKubeletConf, { force: true });
}

/** The rules for tokens come a moment after the token. */
function readConfigMap(connection: ApiConnection, name: string, key: string, signal: AbortSignal): Promise<string> {
  const maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
  return waitUntil(
    { what: `the ConfigMap ${name} in kube-system`, timeoutMs: CALL_PATIENCE_MS, pauseMs: 500, signal },
    async looking => {
      const text = (await maps.get('kube-system', name, looking)).data?.[key];
      if (text === undefined) throw failedPrecondition(`it has no key ${key}`);
      return text;
    },
  );
}

function clusterOfConfiguration(text: string, path: string): Parameters<typeof nodeUnits>[1] {
  try {
    const { networking, certificateValidityPeriod = '8760h0m0s' } = parse(text) as {
      readonly networking: Record<string, string>;
      readonly certificateValidityPeriod?: string;
    };
    const { podSubnet = '', serviceSubnet = '', dnsDomain = '' } = networking;
    return { podSubnet, serviceSubnet, dnsDomain, certificateValidityMs: durationMs(certificateValidityPeriod) };
  } catch (error) {
    throw failedPrecondition(`${path} cannot be read: ${errorMessage(error)}`);
  }
}

function servicesOf({ services }: JoinContext): Services {
  if (services === undefined)
    throw failedPrecondition('nothing here keeps daemons running (phase preflight says more)');
  return services;
}
