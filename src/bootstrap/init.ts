import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { errorCode, failedPrecondition } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { EtcdClient } from '../etcd/client.ts';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { spkiPin } from '../pki/keys.ts';
import { ensureCertificates, ensureServiceAccountKey, readIssuer } from './certificates/certificates.ts';
import { issueClientPair } from './certificates/issue.ts';
import { certificatePlan } from './certificates/plan.ts';
import { clusterConfigurationText } from './cluster-configuration.ts';
import { type NodeIdentity, nodeUnits } from './daemons/node.ts';
import { controlPlaneUnit, etcdUnit } from './daemons/plan.ts';
import type { Files } from './files.ts';
import { certificateData, clusterInfoKubeconfig, ensureKubeconfig, kubeconfigText } from './kubeconfig-file.ts';
import { kubeletConfigurationText } from './kubelet-configuration.ts';
import { markControlPlane } from './mark-control-plane.ts';
import { ensureMarker } from './marker.ts';
import { ensureObject } from './objects/ensure-object.ts';
import {
  adminBinding,
  bootstrapRules,
  CLUSTER_INFO,
  clusterInfoObjects,
  dnsService,
  kubeadmConfigObjects,
  kubeletConfigObjects,
  proxyRules,
  tokenSecret,
  type WantedObject,
} from './objects/plan.ts';
import type { Phase, Say } from './phases.ts';
import { readPreflightFacts } from './preflight/facts.ts';
import { preflightFindings, preflightMessage, sortFindings } from './preflight/plan.ts';
import { CONTROL_PLANE_SERVICE, ETCD_SERVICE, type Services } from './services.ts';
import { apiServerUrl, checkInitSettings, type InitSettings } from './settings.ts';
import { parseToken } from './token.ts';
import { waitUntil } from './wait.ts';

/** The phases of `init`, by kubeadm's names. */
export type InitPhaseName =
  | 'preflight'
  | 'certs'
  | 'kubeconfig'
  | 'etcd'
  | 'control-plane'
  | 'kubelet-start'
  | 'wait-control-plane'
  | 'upload-config'
  | 'mark-control-plane'
  | 'bootstrap-token'
  | 'kubelet-finalize'
  | 'addon';

export interface InitContext {
  readonly settings: InitSettings;
  readonly files: Files;
  readonly services: Services | undefined;
  /** How this program is called: the beginning of the command lines of its daemons. */
  readonly gantry: readonly string[];
  readonly ignoredChecks: readonly string[];
  readonly clock: Clock;
}

/** kubeadm waits 4 minutes for the control plane and 1 minute for a call of its API. */
const CONTROL_PLANE_PATIENCE_MS = 240_000;
const ETCD_PATIENCE_MS = 60_000;
const CALL_PATIENCE_MS = 60_000;

const PROGRAMS = ['etcd', 'conmon', 'catatonit', 'ip', 'mount', 'nsenter', 'nft'];
const PORTS = [10_259, 10_257, 10_250, 2379, 2380];

/** The phases of `init` in their order. Each may be run again: it says what is there and changes only what differs. */
export const INIT_PHASES: readonly Phase<InitPhaseName, InitContext>[] = [
  { name: 'preflight', description: 'Run pre-flight checks', run: preflight },
  { name: 'certs', description: 'Certificate generation', run: certs },
  { name: 'kubeconfig', description: 'Generate all kubeconfig files', run: kubeconfigs },
  { name: 'etcd', description: 'Start etcd', run: etcd },
  { name: 'control-plane', description: 'Start the control plane', run: controlPlane },
  { name: 'kubelet-start', description: 'Write kubelet settings and start the kubelet', run: startKubelet },
  { name: 'wait-control-plane', description: 'Wait for the control plane to start', run: waitForControlPlane },
  // kubeadm's last one: here every node's own daemon waits for these rules, so they come as soon as they can
  { name: 'addon', description: 'What the cluster needs of Services and rules', run: addon },
  { name: 'upload-config', description: 'Upload the configuration to ConfigMaps', run: uploadConfig },
  { name: 'mark-control-plane', description: 'Mark a node as a control-plane', run: markNode },
  { name: 'bootstrap-token', description: 'Make the token and the rules by which nodes join', run: bootstrapToken },
  { name: 'kubelet-finalize', description: 'Let the kubelet renew its own certificate', run: finalizeKubelet },
];

async function preflight({ settings, files, services, ignoredChecks }: InitContext, say: Say) {
  checkInitSettings(settings);
  parseToken(settings.token);
  const again = existsSync(files.marker);
  say('Running pre-flight checks');
  if (again) say('this node was initialized before, wholly or in part: what is there is kept');
  const facts = await readPreflightFacts({
    programs: PROGRAMS,
    ports: again ? [] : [settings.bindPort, ...PORTS],
    emptyDirectories: again ? [] : [files.etcdDataDir],
    absentFiles: again ? [] : [files.kubeletConf, files.bootstrapKubeletConf],
    dataDir: '/var/lib',
    hasSupervisor: services !== undefined,
  });
  const { errors, warnings } = sortFindings(preflightFindings(facts, 'control-plane'), ignoredChecks);
  for (const { check, message } of warnings) say(`\t[WARNING ${check}]: ${message}`);
  if (errors.length > 0) throw failedPrecondition(preflightMessage(errors));
  ensureMarker(files, 'init');
}

function certs({ settings, files, clock }: InitContext, say: Say): void {
  const lives = { leafMs: settings.cluster.certificateValidityMs, caMs: settings.cluster.caCertificateValidityMs };
  ensureCertificates(certificatePlan(settings), { pkiDir: files.pkiDir, lives, now: clock.now() }, say);
  ensureServiceAccountKey(files.pkiDir, say);
}

function kubeconfigs({ settings, files, clock }: InitContext, say: Say): void {
  say(`Using kubeconfig folder "${files.kubernetesDir}"`);
  const issuer = readIssuer(files.pkiDir, 'ca');
  const ca = issuer.certificate.toString();
  const server = apiServerUrl(settings);
  const rows: readonly (readonly [path: string, user: string, groups: readonly string[]])[] = [
    [files.adminConf, 'kubernetes-admin', ['kubeadm:cluster-admins']],
    [files.superAdminConf, 'kubernetes-super-admin', ['system:masters']],
    [files.kubeletConf, `system:node:${settings.nodeName}`, ['system:nodes']],
    [files.controllerManagerConf, 'system:kube-controller-manager', []],
    [files.schedulerConf, 'system:kube-scheduler', []],
  ];
  for (const [path, user, groups] of rows) {
    const written = ensureKubeconfig(path, { server, ca }, () =>
      kubeconfigText({
        clusterName: settings.cluster.clusterName,
        server,
        ca,
        user,
        credentials: certificateData(
          issueClientPair(
            issuer,
            { commonName: user, organizations: groups },
            clock.now(),
            settings.cluster.certificateValidityMs,
          ),
        ),
      }),
    );
    const name = path.slice(path.lastIndexOf('/') + 1);
    say(written ? `Writing "${name}" kubeconfig file` : `Using existing kubeconfig file: "${path}"`);
  }
}

async function etcd({ settings, files, services }: InitContext, say: Say, signal: AbortSignal) {
  mkdirSync(files.etcdDataDir, { recursive: true, mode: 0o700 });
  // one that was there keeps its mode, and all secrets of the cluster are in it
  chmodSync(files.etcdDataDir, 0o700);
  const keeper = supervisorOf(services);
  say(`Starting the local etcd, its data in ${files.etcdDataDir}`);
  await keeper.start(etcdUnit(settings, files), signal);
  const pem = (name: string): Buffer => readFileSync(`${files.pkiDir}/${name}`);
  const client = new EtcdClient({
    endpoints: ['https://127.0.0.1:2379'],
    timeoutMs: 2000,
    retryMs: 0,
    tls: {
      ca: pem('etcd/ca.crt'),
      cert: pem('apiserver-etcd-client.crt'),
      key: pem('apiserver-etcd-client.key'),
    },
  });
  try {
    await waitUntil(
      {
        what: 'etcd to answer on 127.0.0.1:2379',
        timeoutMs: ETCD_PATIENCE_MS,
        pauseMs: 50,
        signal,
        needsRoom: { directory: files.etcdDataDir, bytes: () => etcdRoomBytes(files.etcdDataDir) },
        hint: () => `the end of its log: ${keeper.lastLog(ETCD_SERVICE)}`,
      },
      () => client.range('/registry/none'),
    );
  } finally {
    client.close();
  }
}

/** etcd sets 64 MB aside for the first file of its log; later it needs room for what is written alone. */
function etcdRoomBytes(dataDir: string): number {
  return existsSync(`${dataDir}/member/wal`) ? 1 << 20 : 64e6;
}

async function controlPlane(context: InitContext, say: Say, signal: AbortSignal) {
  const { settings, files, gantry } = context;
  say('Starting the API server and the controllers');
  await supervisorOf(context.services).start(controlPlaneUnit(settings, files, gantry), signal);
}

async function startKubelet(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, gantry } = context;
  const keeper = supervisorOf(context.services);
  say(`Writing kubelet configuration to file "${files.kubeletConfig}"`);
  const text = kubeletConfigurationText(settings.cluster, files);
  writeFileAtomic(files.kubeletConfig, text, { mode: 0o644, durable: true });
  mkdirSync(files.manifestsDir, { recursive: true, mode: 0o700 });
  say('Starting the runtime and the kubelet');
  for (const unit of nodeUnits(identityOf(settings), settings.cluster, files, gantry)) await keeper.start(unit, signal);
}

function identityOf(settings: InitSettings): NodeIdentity {
  return { nodeName: settings.nodeName, address: settings.advertiseAddress, labels: settings.nodeLabels, taints: [] };
}

async function waitForControlPlane(context: InitContext, say: Say, signal: AbortSignal) {
  const keeper = supervisorOf(context.services);
  const server = apiServerUrl(context.settings);
  say(`Waiting for the API server at ${server}/readyz. This can take up to ${CONTROL_PLANE_PATIENCE_MS / 60_000}m0s`);
  const started = context.clock.monotonic();
  await withConnection(context.files.superAdminConf, connection =>
    waitUntil(
      {
        what: `the API server to be ready at ${server}`,
        timeoutMs: CONTROL_PLANE_PATIENCE_MS,
        pauseMs: 50,
        signal,
        needsRoom: { directory: context.files.etcdDataDir },
        hint: () => `the end of its log: ${keeper.lastLog(CONTROL_PLANE_SERVICE)}`,
      },
      async looking => {
        const { status, body } = await connection.call({
          method: 'GET',
          path: '/readyz',
          signal: looking,
          timeoutMs: 5000,
        });
        if (status !== 200) throw failedPrecondition(`/readyz answers ${status}: ${body.toString('utf8', 0, 300)}`);
      },
    ),
  );
  say(`The API server is ready after ${((context.clock.monotonic() - started) / 1000).toFixed(1)} s`);
  await ensureAdmins(context.files, signal);
}

/** admin.conf has its rights by a binding; that is made by super-admin.conf, which needs none. */
async function ensureAdmins({ superAdminConf }: Files, signal: AbortSignal): Promise<void> {
  await withConnection(superAdminConf, connection => ensure(connection, [adminBinding()], signal));
}

async function uploadConfig({ settings, files }: InitContext, say: Say, signal: AbortSignal) {
  say('Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace');
  const text = clusterConfigurationText(settings.cluster, files.pkiDir, files.etcdDataDir);
  await withConnection(files.adminConf, async connection => {
    await ensure(connection, kubeadmConfigObjects(text), signal);
    say(
      'Creating a ConfigMap "kubelet-config" in namespace kube-system with the configuration for the kubelets in the cluster',
    );
    const kubelet = kubeletConfigurationText(settings.cluster, files);
    await ensure(connection, kubeletConfigObjects(kubelet), signal);
  });
}

async function markNode({ settings, files, services }: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { nodeName, taintControlPlane: taint } = settings;
  const keeper = supervisorOf(services);
  await withConnection(files.adminConf, connection =>
    markControlPlane({ connection, nodeName, taint, services: keeper, signal }, say),
  );
}

/** The kubelet has its own certificate once it asked for one; until then its kubeconfig holds the first. */
function finalizeKubelet({ settings, files }: InitContext, say: Say): void {
  if (!existsSync(files.kubeletClientPem)) {
    say(`The kubelet has not renewed its client certificate yet: "${files.kubeletConf}" holds its first`);
    return;
  }
  say(`Updating "${files.kubeletConf}" to point to a rotatable kubelet client certificate and key`);
  const text = kubeconfigText({
    clusterName: settings.cluster.clusterName,
    server: apiServerUrl(settings),
    ca: readFileSync(`${files.pkiDir}/ca.crt`, 'utf8'),
    user: 'default-auth',
    credentials: { 'client-certificate': files.kubeletClientPem, 'client-key': files.kubeletClientPem },
  });
  writeFileAtomic(files.kubeletConf, text, { durable: true });
}

async function bootstrapToken({ settings, files, clock }: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const token = parseToken(settings.token);
  const expires =
    settings.tokenTtlMs === 0
      ? undefined
      : new Date(clock.now() + settings.tokenTtlMs).toISOString().replace(/\.\d+Z$/, 'Z');
  await withConnection(files.adminConf, async connection => {
    say(`Using token: ${settings.token}`);
    say('Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles');
    await ensure(connection, [tokenSecret(token, expires)], signal);
    for (const { say: line, objects } of bootstrapRules()) {
      await ensure(connection, objects, signal);
      say(line);
    }
    say(`Creating the "${CLUSTER_INFO.name}" ConfigMap in the "${CLUSTER_INFO.namespace}" namespace`);
    const ca = readFileSync(`${files.pkiDir}/ca.crt`, 'utf8');
    await ensure(connection, clusterInfoObjects(clusterInfoKubeconfig(apiServerUrl(settings), ca)), signal);
  });
}

async function addon({ settings, files }: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  await withConnection(files.adminConf, async connection => {
    await ensure(connection, proxyRules(), signal);
    say('Applied the rules by which the proxies of nodes read Services');
    await ensure(connection, [dnsService(settings.cluster)], signal);
    say('Applied the Service "kube-dns"');
  });
}

/** The pin by which nodes that join know this cluster's CA. */
export function caPin({ pkiDir }: Files): string {
  return spkiPin(parseCertificate(readFileSync(`${pkiDir}/ca.crt`)).publicKey);
}

function supervisorOf(services: Services | undefined): Services {
  if (services === undefined)
    throw failedPrecondition('nothing here keeps daemons running (phase preflight says more)');
  return services;
}

async function withConnection<T>(kubeconfig: string, work: (connection: ApiConnection) => Promise<T>): Promise<T> {
  const connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-init' });
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** The API server may be young: namespaces and rules of its own come a moment after it is ready. */
async function ensure(connection: ApiConnection, objects: readonly WantedObject[], signal: AbortSignal): Promise<void> {
  for (const wanted of objects) {
    const { kind, metadata } = wanted.object;
    await waitUntil(
      {
        what: `${kind} ${metadata.name} to be written`,
        timeoutMs: CALL_PATIENCE_MS,
        pauseMs: 100,
        signal,
        isFinal: error => errorCode(error) === 'invalid-argument',
      },
      looking => ensureObject(connection, wanted, looking),
    );
  }
}
