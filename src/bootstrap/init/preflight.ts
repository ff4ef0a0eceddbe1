import { certificatePlan } from '../certificates/plan.ts';
import { serviceAccountKeyProblems } from '../certificates/service-account-key.ts';
import { certificateProblems } from '../certificates/standing.ts';
import { controlPlaneUnit, etcdUnit } from '../daemons/plan.ts';
import type { Files } from '../files.ts';
import { resolverFileOf } from '../machine-resolver.ts';
import type { ExternalEtcdMark } from '../marker/format.ts';
import { etcdMember } from '../marker/paths.ts';
import { readMarker } from '../marker.ts';
import { nodeAddresses } from '../node-address.ts';
import type { Say } from '../phases.ts';
import { controlPlaneSockets, etcdSockets, nodeSockets, reachedPorts } from '../preflight/daemon-sockets.ts';
import { type PreflightNeeds, readPreflightFacts } from '../preflight/facts.ts';
import { findingLines, PreflightError, sortFindings } from '../preflight/findings.ts';
import { preflightFindings } from '../preflight/plan.ts';
import { neededModules, neededPrograms, USEFUL_PROGRAMS } from '../preflight/programs.ts';
import { proxySockets } from '../preflight/sockets.ts';
import { OWN_DIRECTORIES } from '../reset/names.ts';
import { CONTROL_PLANE_SERVICE, CRI_SERVICE, NODE_SERVICE, type Services } from '../services.ts';
import { argumentWords } from '../settings.ts';
import type { InitContext } from './context.ts';

/** What a control plane of static pods stands in: there is one of somebody else. */
const STATIC_PODS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];

/** What runs and stands here by a run before, wholly or phase by phase. */
interface OwnWork {
  /** A whole run was let go on here before: what stands is its own or was put there for it, and is checked as it is used, but for an etcd where it had somebody else's. */
  readonly again: boolean;
  readonly etcd: boolean;
  /** That of somebody else which the cluster has. */
  readonly externalEtcd?: ExternalEtcdMark | undefined;
  readonly controlPlane: boolean;
  readonly runtime: boolean;
  readonly node: boolean;
  /** Paths that were made. */
  readonly made: readonly string[];
}

const NOTHING: OwnWork = { again: false, etcd: false, controlPlane: false, runtime: false, node: false, made: [] };

/** Looks whether a control plane can be made here. What a run before has made is no reason against it: the marker tells what that is. */
export async function preflight(context: InitContext, say: Say): Promise<void> {
  const { settings, files, services, ignoredChecks, insideHost } = context;
  const own = await ownWork(files, services);
  // the etcd that the cluster has, where no configuration says it anew
  const etcdBefore =
    context.saysNoConfiguration === true && settings.cluster.etcd.kind === 'local' ? own.externalEtcd : undefined;
  say('Running pre-flight checks');
  if (own.again) say('this node was initialized before, wholly or in part: what is there is kept');
  else if (own.made.length > 0) say('phases of init were run here before, one by one: what they made is kept');
  if (context.saysNoConfiguration === true && settings.cluster.etcd.kind === 'external')
    say(`the cluster keeps its objects in the external etcd at ${settings.cluster.etcd.endpoints.join(', ')}`);
  if (etcdBefore !== undefined)
    say(
      `the cluster keeps its objects in the external etcd at ${etcdBefore.endpoints.join(', ')}: give its configuration by --config to have that looked at, too`,
    );
  const facts = await readPreflightFacts(needsOf(context, { ...own, keepsExternal: etcdBefore !== undefined }));
  const findings = preflightFindings(facts, {
    role: 'control-plane',
    nodeName: settings.nodeName,
    insideHost,
    failSwapOn: settings.cluster.kubelet['failSwapOn'] !== false,
    networks: settings.cluster,
    reachedPorts: reachedPorts({
      controlPlane: controlPlaneUnit(settings, files, []).argv,
      kubelet: settings.cluster.kubelet,
      args: argumentWords(settings.nodeArgs),
    }),
  });
  const { errors, warnings } = sortFindings(findings, ignoredChecks);
  for (const finding of warnings) for (const line of findingLines({ ...finding, severity: 'warning' })) say(line);
  if (errors.length > 0) throw new PreflightError(errors);
  context.onPassed?.();
}

/** A node that joined another cluster is no control plane that was begun. */
async function ownWork(files: Files, services: Services | undefined): Promise<OwnWork> {
  const marker = readMarker(files);
  if (marker?.command !== 'init') return NOTHING;
  const again = marker.passed;
  const runs = async (name: string): Promise<boolean> => again || (await services?.isRunning(name)) === true;
  return {
    again,
    etcd: marker.made.includes(etcdMember(files)),
    externalEtcd: marker.externalEtcd,
    controlPlane: await runs(CONTROL_PLANE_SERVICE),
    runtime: await runs(CRI_SERVICE),
    node: await runs(NODE_SERVICE),
    made: marker.made,
  };
}

function needsOf(
  { settings, files, disk, services, insideHost, clock, runtimeSockets }: InitContext,
  {
    again,
    etcd: hadEtcd,
    controlPlane,
    runtime,
    node,
    made,
    keepsExternal,
  }: OwnWork & {
    /** The cluster has an etcd of somebody else, of which the configuration does not tell. */
    readonly keepsExternal: boolean;
  },
): PreflightNeeds {
  const { advertiseAddress, nodeName, nodeArgs, cluster } = settings;
  const { etcd } = cluster;
  const nodeIp = nodeArgs.findLast(({ name }) => name === 'node-ip')?.value;
  const local = etcd.kind === 'local' && !keepsExternal;
  const proxyMode = String(cluster.proxy['mode'] ?? '');
  return {
    programs: neededPrograms({ etcd: local, proxyMode }),
    usefulPrograms: insideHost ? [] : USEFUL_PROGRAMS,
    modules: insideHost ? [] : neededModules(proxyMode),
    sockets: [
      ...(hadEtcd || !local ? [] : etcdSockets(etcdUnit(settings, files).argv)),
      ...(controlPlane ? [] : controlPlaneSockets(controlPlaneUnit(settings, files, []).argv)),
      ...(runtime ? [] : runtimeSockets),
      ...(node ? [] : nodeSockets({ ...cluster, addresses: [advertiseAddress], args: argumentWords(nodeArgs) })),
      ...(node || cluster.proxyDisabled ? [] : proxySockets(cluster.proxy)),
    ],
    addresses: [
      { address: advertiseAddress, of: 'control-plane' },
      ...(nodeIp === undefined ? [] : nodeAddresses(nodeIp)).map(address => ({ address, of: 'node' as const })),
    ],
    emptyDirectories: hadEtcd || !local ? [] : [files.etcdDataDir],
    absentFiles: again
      ? []
      : [
          ...[files.kubeletConf, files.bootstrapKubeletConf].filter(path => !made.includes(path)),
          ...STATIC_PODS.map(name => `${files.manifestsDir}/${name}.yaml`),
        ],
    ownDirectories: again ? [] : OWN_DIRECTORIES,
    certificateProblems: [
      ...certificateProblems(
        certificatePlan(settings).filter(({ name, issuer }) => local || ![name, issuer].includes('etcd-ca')),
        { pkiDir: files.pkiDir, now: clock.now(), disk, made },
      ),
      ...serviceAccountKeyProblems({ pkiDir: files.pkiDir, disk }),
    ],
    dataDir: '/var/lib',
    hasSupervisor: services !== undefined,
    looksForKubelets: !node,
    // another network of pods than ours may be at work here by then
    looksAtNetworks: !again && !node,
    ...(cluster.controlPlaneEndpoint === ''
      ? {}
      : { endpoint: { endpoint: cluster.controlPlaneEndpoint, advertiseAddress, stands: again } }),
    direct: [advertiseAddress, cluster.serviceSubnet, cluster.podSubnet],
    ...(insideHost ? {} : { nodeName, resolverFile: resolverFileOf(cluster.kubelet) }),
    ...(etcd.kind === 'external' ? { externalEtcd: { ...etcd, isOurs: again } } : {}),
  };
}
