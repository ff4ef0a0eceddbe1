import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { parse } from 'yaml';
import { durationMs } from '../api/duration.ts';
import type { ConfigMap, Node } from '../api/types/gen/core-v1.ts';
import { errorMessage, failedPrecondition, isNotFound } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { type NodeIdentity, nodeUnits } from './daemons/node.ts';
import { discoverCluster } from './discovery.ts';
import type { Files } from './files.ts';
import { kubeconfigText } from './kubeconfig-file.ts';
import { waitForKubelet } from './kubelet-health.ts';
import { ensureMarker, readMarker } from './marker.ts';
import type { Phase, Say } from './phases.ts';
import { readPreflightFacts } from './preflight/facts.ts';
import { findingLines, PreflightError, preflightFindings, sortFindings } from './preflight/plan.ts';
import { neededModules, neededPrograms, USEFUL_PROGRAMS } from './preflight/programs.ts';
import { PROXY_CONFIG_KEY, PROXY_CONFIG_MAP } from './proxy-configuration.ts';
import { serviceState } from './service-state.ts';
import { NODE_SERVICE, type Services } from './services.ts';
import { checkNodeName } from './settings.ts';
import { parseToken } from './token.ts';
import { waitUntil } from './wait.ts';

/** The phases of `join`, by kubeadm's names. */
export type JoinPhaseName = 'preflight' | 'kubelet-start' | 'kubelet-wait-bootstrap';

export interface JoinContext {
  /** `host:port` of the API server. */
  readonly endpoint: string;
  readonly token: string;
  readonly pins: readonly string[];
  /** Without pins, whoever has the token could play the cluster: that has to be asked for. */
  readonly skipCaVerification: boolean;
  readonly node: NodeIdentity;
  readonly files: Files;
  readonly services: Services | undefined;
  readonly gantry: readonly string[];
  readonly ignoredChecks: readonly string[];
  /** In a host of a local cluster, whose disk and swap are the machine's. */
  readonly insideHost: boolean;
}

/** kubeadm's. */
const BOOTSTRAP_PATIENCE_MS = 300_000;
const CALL_PATIENCE_MS = 60_000;
const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;
const NODES = { group: '', version: 'v1', plural: 'nodes' } as const;
const BOOTSTRAP_USER = 'tls-bootstrap-token-user';

/** The phases of `join` in their order. Each may be run again, and all of them after they were killed. */
export const JOIN_PHASES: readonly Phase<JoinPhaseName, JoinContext>[] = [
  { name: 'preflight', description: 'Run join pre-flight checks', run: preflight },
  {
    name: 'kubelet-start',
    description: 'Write kubelet settings, certificates and start the kubelet',
    run: startKubelet,
  },
  {
    name: 'kubelet-wait-bootstrap',
    description: 'Wait for the kubelet to bootstrap itself',
    run: waitForBootstrap,
  },
];

async function preflight(context: JoinContext, say: Say): Promise<void> {
  const { node, files, services, pins, skipCaVerification, ignoredChecks, insideHost } = context;
  checkNodeName(node.nodeName);
  parseToken(context.token);
  if (pins.length === 0 && !skipCaVerification)
    throw failedPrecondition(
      'give --discovery-token-ca-cert-hash, as "gantry init" has said it, or --discovery-token-unsafe-skip-ca-verification',
    );
  say('Running pre-flight checks');
  // the control plane of another cluster is no node that was begun
  const again = readMarker(files)?.command === 'join';
  if (again) say('this node was joined before, wholly or in part: what is there is kept');
  const facts = await readPreflightFacts({
    programs: neededPrograms({ etcd: false, proxyMode: '' }),
    usefulPrograms: insideHost ? [] : USEFUL_PROGRAMS,
    modules: insideHost ? [] : neededModules(''),
    ...(insideHost ? {} : { nodeName: node.nodeName }),
    looksForKubelets: !again,
    ports: again ? [] : [10_250],
    emptyDirectories: [],
    absentFiles: again ? [] : [files.kubeletConf, files.bootstrapKubeletConf, `${files.pkiDir}/ca.crt`],
    dataDir: '/var/lib',
    hasSupervisor: services !== undefined,
  });
  const { errors, warnings } = sortFindings(
    preflightFindings(facts, {
      role: 'node',
      nodeName: node.nodeName,
      insideHost,
      failSwapOn: !insideHost,
    }),
    ignoredChecks,
  );
  for (const finding of warnings) for (const line of findingLines({ ...finding, severity: 'warning' })) say(line);
  if (errors.length > 0) throw new PreflightError(errors);
  ensureMarker(files, 'join');
}

async function startKubelet(context: JoinContext, say: Say, signal: AbortSignal): Promise<void> {
  const { endpoint, token, pins, node, files, gantry } = context;
  const services = supervisorOf(context.services);
  if (existsSync(files.kubeletConf)) {
    say(`Using the credentials in "${files.kubeletConf}"`);
  } else {
    say(`Asking ${endpoint} for the cluster's CA`);
    const { server, ca } = await discoverCluster({ endpoint, token: parseToken(token), pins, signal });
    say('The CA is the one that was pinned, and the token has signed where the cluster is');
    await withToken({ server, ca, token }, async connection => {
      await refuseTakenName(connection, node.nodeName, signal);
      say('Reading configuration from the "kubelet-config" ConfigMap in namespace "kube-system"');
      const config = await readConfigMap(connection, 'kubelet-config', 'kubelet', signal);
      const cluster = await readConfigMap(connection, 'kubeadm-config', 'ClusterConfiguration', signal);
      say(`Writing kubelet configuration to file "${files.kubeletConfig}"`);
      writeFileAtomic(files.kubeletConfig, config, { mode: 0o644, durable: true });
      writeFileAtomic(files.clusterConfiguration, cluster, { mode: 0o644, durable: true });
      const proxy = await readConfigMap(connection, PROXY_CONFIG_MAP, PROXY_CONFIG_KEY, signal);
      writeFileAtomic(files.proxyConfig, proxy, { mode: 0o644, durable: true });
    });
    writeFileAtomic(`${files.pkiDir}/ca.crt`, ca, { mode: 0o644, durable: true });
    const text = kubeconfigText({
      clusterName: 'kubernetes',
      server,
      ca,
      user: BOOTSTRAP_USER,
      credentials: { token },
    });
    writeFileAtomic(files.bootstrapKubeletConf, text, { durable: true });
  }
  mkdirSync(files.manifestsDir, { recursive: true, mode: 0o700 });
  say('Starting the runtime and the kubelet');
  const cluster = readClusterConfiguration(files.clusterConfiguration);
  for (const unit of nodeUnits(node, cluster, files, gantry)) await services.start(unit, signal);
}

async function waitForBootstrap(context: JoinContext, say: Say, signal: AbortSignal): Promise<void> {
  const { files } = context;
  const services = supervisorOf(context.services);
  say('Waiting for the kubelet to perform the TLS Bootstrap');
  await waitUntil(
    {
      what: `the control plane to sign the kubelet's certificate (${files.kubeletConf})`,
      timeoutMs: BOOTSTRAP_PATIENCE_MS,
      pauseMs: 100,
      signal,
      hint: () => serviceState(services, NODE_SERVICE),
    },
    async () => {
      if (!existsSync(files.kubeletConf)) throw failedPrecondition('it is not signed yet');
    },
  );
  await waitForKubelet(services, signal);
  // it has done its work, and its token is a secret
  rmSync(files.bootstrapKubeletConf, { force: true });
}

/** A node of the same name that is alive would be taken over: the two would fight for its pods. */
async function refuseTakenName(connection: ApiConnection, name: string, signal: AbortSignal): Promise<void> {
  const node = await new ResourceClient<Node>(connection, NODES).get('', name, signal).catch(error => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))
    throw failedPrecondition(
      `a Node with name "${name}" and status "Ready" already exists in the cluster. You must delete the existing Node or change the name of this new joining Node`,
    );
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

function readClusterConfiguration(path: string): Parameters<typeof nodeUnits>[1] {
  try {
    const { networking, certificateValidityPeriod = '8760h0m0s' } = parse(readFileSync(path, 'utf8')) as {
      readonly networking: Record<string, string>;
      readonly certificateValidityPeriod?: string;
    };
    const { podSubnet = '', serviceSubnet = '', dnsDomain = '' } = networking;
    return { podSubnet, serviceSubnet, dnsDomain, certificateValidityMs: durationMs(certificateValidityPeriod) };
  } catch (error) {
    throw failedPrecondition(`${path} cannot be read: ${errorMessage(error)}`);
  }
}

async function withToken(
  { server, ca, token }: { readonly server: string; readonly ca: string; readonly token: string },
  work: (connection: ApiConnection) => Promise<void>,
): Promise<void> {
  const connection = new ApiConnection({ server, ca, token, namespace: 'default' }, { userAgent: 'gantry-join' });
  try {
    await work(connection);
  } finally {
    connection.close();
  }
}

function supervisorOf(services: Services | undefined): Services {
  if (services === undefined)
    throw failedPrecondition('nothing here keeps daemons running (phase preflight says more)');
  return services;
}
