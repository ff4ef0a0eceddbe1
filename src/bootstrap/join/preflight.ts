import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { failedPrecondition } from '../../base/errors.ts';
import type { Files } from '../files.ts';
import { machineResolverFile } from '../machine-resolver.ts';
import { readMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { kubeletSockets, nodeSockets, reachedPorts } from '../preflight/daemon-sockets.ts';
import { readPreflightFacts, usedSockets } from '../preflight/facts.ts';
import type { Finding } from '../preflight/finding.ts';
import { findingLines, PreflightError, sortFindings } from '../preflight/findings.ts';
import { networkClashes } from '../preflight/own-networks.ts';
import { preflightFindings } from '../preflight/plan.ts';
import { portFindings } from '../preflight/port-plan.ts';
import { neededModules, neededPrograms, USEFUL_PROGRAMS } from '../preflight/programs.ts';
import { type SwapFacts, swapFindings } from '../preflight/swap-plan.ts';
import { OWN_DIRECTORIES } from '../reset/names.ts';
import { CRI_SERVICE, NODE_SERVICE } from '../services.ts';
import { checkNodeName } from '../settings.ts';
import type { JoinContext } from './context.ts';
import {
  clusterKubelet,
  foundCluster,
  hasCredentials,
  refuseOtherNode,
  refuseTakenName,
  toldOfCluster,
} from './find-cluster.ts';

/** Of who holds the port of the DNS server of a node. */
const DNS_CHECK = 'Port-53';
/** The fields that say where the kubelet serves are the cluster's, which is not known before it is found. */
const UNKNOWN_KUBELET = {};

/** Looks whether a node can be made here, and whether the cluster is there and would have it. Nothing is written: what fails here leaves no trace. */
export async function preflight(context: JoinContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, services, ignoredChecks, insideHost, runtimeSockets } = context;
  checkNodeName(settings.node.nodeName);
  say('Running pre-flight checks');
  const marker = readMarker(files);
  if (marker?.command === 'init')
    throw failedPrecondition(
      `this machine is the control plane of a cluster ("gantry init" made it): run "gantry reset" first, if it is to join another`,
    );
  const again = marker?.passed === true;
  const made = marker?.made ?? [];
  // phases that were run one by one
  const runs = async (name: string): Promise<boolean> =>
    again || (marker !== undefined && (await services?.isRunning(name)) === true);
  const isOwnNode = await runs(NODE_SERVICE);
  if (again) say('this node was joined before, wholly or in part: what is there is kept');
  const facts = await readPreflightFacts({
    programs: neededPrograms({ etcd: false, proxyMode: '' }),
    usefulPrograms: insideHost ? [] : USEFUL_PROGRAMS,
    modules: insideHost ? [] : neededModules(''),
    ...(insideHost ? {} : { nodeName: settings.node.nodeName, resolverFile: machineResolverFile() }),
    looksForKubelets: !isOwnNode,
    looksAtNetworks: !isOwnNode,
    sockets: [
      ...((await runs(CRI_SERVICE)) ? [] : runtimeSockets),
      ...(isOwnNode ? [] : nodeSockets({ ...settings.node, dnsDisabled: false, kubelet: UNKNOWN_KUBELET })),
    ],
    addresses: settings.node.addresses.map(address => ({ address, of: 'node' })),
    emptyDirectories: [],
    absentFiles: again
      ? []
      : [files.kubeletConf, files.bootstrapKubeletConf, files.caCert].filter(path => !made.includes(path)),
    ownDirectories: again ? [] : OWN_DIRECTORIES,
    dataDir: '/var/lib',
    hasSupervisor: services !== undefined,
  });
  const { nodeName } = settings.node;
  const findings = preflightFindings(facts, {
    role: 'node',
    nodeName,
    insideHost,
    failSwapOn: undefined,
    reachedPorts: reachedPorts({ kubelet: UNKNOWN_KUBELET, args: settings.node.args }),
  });
  const { errors: all, warnings } = sortFindings(findings, ignoredChecks);
  // whether another DNS server is in the way or there on purpose, and where the kubelet is to serve, is known with the cluster
  const ofDns = all.filter(({ check }) => check === DNS_CHECK);
  const kubeletChecks = kubeletSockets(UNKNOWN_KUBELET, settings.node.args).map(({ port }) => `Port-${port}`);
  const ofKubelet = all.filter(({ check }) => kubeletChecks.includes(check));
  const errors = all.filter(finding => !ofDns.includes(finding) && !ofKubelet.includes(finding));
  sayWarnings(warnings, say);
  if (errors.length > 0) throw new PreflightError(errors);
  if (hasCredentials(files)) {
    await refuseOtherNode(context, say, signal);
    const late = [
      ...ofKubelet,
      ...tellLate(context, swapOf(facts, standingKubelet(files), insideHost, 'standing-node'), say),
      ...ofDns,
    ];
    if (late.length > 0) throw new PreflightError(late);
    context.found.hasPassed = true;
    return;
  }
  if (marker !== undefined && existsSync(files.kubeletConf))
    say(`The credentials that "${files.kubeletConf}" leads to are over, or not there: they are asked for anew`);
  const cluster = await foundCluster(context, say, signal);
  await refuseTakenName(context, cluster, signal);
  const kubelet = await clusterKubelet(cluster, signal);
  const { dnsDisabled, networks } = await toldOfCluster(cluster, signal);
  const sockets = isOwnNode ? [] : kubeletSockets(kubelet, settings.node.args);
  const late = tellLate(
    context,
    [
      ...portFindings({ usedSockets: await usedSockets(sockets) }),
      ...swapOf(facts, kubelet, insideHost, 'node'),
      ...(facts.ownNetworks === undefined ? [] : networkClashes(facts.ownNetworks, networks, 'node')),
    ],
    say,
  );
  if (late.length > 0) throw new PreflightError(late);
  if (ofDns.length > 0 && !dnsDisabled) throw new PreflightError(ofDns);
  context.found.hasPassed = true;
}

type Kubelet = Readonly<Record<string, unknown>>;

/** Whether the kubelet starts with the swap of this machine is the cluster's to say. */
function swapOf(
  facts: SwapFacts,
  kubelet: Kubelet,
  insideHost: boolean,
  role: 'node' | 'standing-node',
): readonly Finding[] {
  return insideHost ? [] : swapFindings(facts, { role, failSwapOn: kubelet['failSwapOn'] !== false });
}

/** The KubeletConfiguration that the node here was given when it joined; it may have been changed since, and is heeded. */
function standingKubelet({ kubeletConfig }: Files): Kubelet {
  return existsSync(kubeletConfig) ? ((parse(readFileSync(kubeletConfig, 'utf8')) ?? {}) as Kubelet) : {};
}

/** Says what is but a warning, and returns what ends the command. */
function tellLate({ ignoredChecks }: JoinContext, findings: readonly Finding[], say: Say): readonly Finding[] {
  const { errors, warnings } = sortFindings(findings, ignoredChecks);
  sayWarnings(warnings, say);
  return errors;
}

function sayWarnings(warnings: readonly Finding[], say: Say): void {
  for (const finding of warnings) for (const line of findingLines({ ...finding, severity: 'warning' })) say(line);
}
