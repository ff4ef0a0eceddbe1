import { existsSync } from 'node:fs';
import { errorMessage, failedPrecondition } from '../base/errors.ts';
import { caPin } from '../bootstrap/ca-pin.ts';
import { filesBelow } from '../bootstrap/files.ts';
import { generateToken } from '../bootstrap/token.ts';
import { faultPoint } from '../linux/fault-point.ts';
import { freeBytes } from '../linux/free-space.ts';
import { holdLockFile } from '../linux/lock-file.ts';
import type { ClusterConfig } from './config.ts';
import { deleteCluster } from './delete.ts';
import { explainFailure, logExcerpt } from './failure.ts';
import { assertNoNamesake as assertNoHostNamesake, createHost } from './host/create.ts';
import type { Host } from './host/host.ts';
import { endsOfLogs } from './host/logs.ts';
import { checkKubeconfig, mergeClusterContext } from './kubeconfig/cluster-context.ts';
import { firewallProblem, isBridgeFiltered, readDroppingChains } from './network/firewall.ts';
import { attachHost, ensureNetwork, hasLink, machineResolver } from './network/network.ts';
import { bridgeName, hostLink } from './network/plan.ts';
import {
  assertClusterName,
  type ClusterNode,
  type ClusterRecord,
  claimCluster,
  clusterDir,
  hostsDirOf,
  writeClusterRecord,
} from './record.ts';
import { checkRequirements } from './requirements.ts';
import { runStep } from './run-step.ts';
import { waitForNodes } from './status.ts';
import { claimNetwork } from './subnets.ts';

export interface CreateClusterOptions {
  readonly name: string;
  readonly clustersDir: string;
  readonly config: ClusterConfig;
  readonly subnet: string | undefined;
  /** The kubeconfig to merge the context into; the caller's unless given. */
  readonly kubeconfig: string | undefined;
  /** As `init` takes it; its default unless given. */
  readonly certificateValidityPeriod?: string | undefined;
  /** How this program is called. */
  readonly gantry: readonly string[];
  /** What fails is left as it stands, to be looked at. */
  readonly retain: boolean;
  readonly write: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The names that kind gives: NAME-control-plane, NAME-worker, NAME-worker2. */
export function nodeNames(cluster: string, roles: ClusterConfig['nodes']): string[] {
  const counts = new Map<string, number>();
  return roles.map(({ role }) => {
    const count = (counts.get(role) ?? 0) + 1;
    counts.set(role, count);
    return `${cluster}-${role}${count === 1 ? '' : count}`;
  });
}

/**
 * Makes a cluster: network, hosts, and inside them the phases of `init` and `join`. Throws in one line what went wrong; then nothing of it is left, unless
 * it was asked to be retained. A process that is killed leaves what `delete` takes away.
 */
export async function createCluster(options: CreateClusterOptions): Promise<ClusterRecord> {
  const { name, clustersDir, config, write } = options;
  assertClusterName(name);
  checkRequirements(config.nodes.length, parentThatExists(clustersDir));
  const kubeconfig = await checkKubeconfig(options.kubeconfig, options.signal);
  assertNoNamesake(options);
  claimCluster(name, clustersDir);
  holdLockFile(`${clustersDir}/${name}/lock`, `the cluster "${name}"`);
  try {
    return await make(options, kubeconfig);
  } catch (thrown) {
    // what was cut off by an interruption tells of that in words of its own
    const explained = options.signal.aborted ? options.signal.reason : explain(thrown, options);
    if (options.retain) {
      write(
        `What stands is kept: look at it with "gantry cluster exec", and end it with "gantry cluster delete --name ${name}"`,
      );
    } else {
      write('Deleting what was made of it');
      await deleteCluster(name, { clustersDir, isLocked: true, write }).catch((problem: unknown) =>
        write(`Not all of it is gone, so run "gantry cluster delete --name ${name}": ${errorMessage(problem)}`),
      );
    }
    throw explained;
  }
}

/** Nodes that do not reach each other are no cluster; one that does not reach the outside is, so that is only told. */
async function checkFirewall(bridge: string, nodes: number, write: (line: string) => void): Promise<void> {
  const problem = firewallProblem(bridge, await readDroppingChains());
  if (problem === undefined) return;
  const { line, remedy } = problem;
  if (nodes > 1 && isBridgeFiltered())
    throw failedPrecondition(`${line}, and bridges are filtered (br_netfilter), so nodes would not meet: ${remedy}`);
  write(`Note: ${line}, so nothing outside is reached from the nodes until it lets them through: ${remedy}`);
}

/** A cluster of the same name in another place would share links and groups with this one, and lose them to it. */
function assertNoNamesake({ name, clustersDir, config }: CreateClusterOptions): void {
  // the claim on the name says more where it is in this place
  if (existsSync(clusterDir(name, clustersDir))) return;
  const bridge = bridgeName(name);
  if (hasLink(bridge))
    throw failedPrecondition(
      `the link ${bridge} is there already, of a cluster "${name}" with another --clusters-dir: choose another --name, or delete that one`,
    );
  for (const node of nodeNames(name, config.nodes)) assertNoHostNamesake(node, hostsDirOf(name, clustersDir));
}

/** What the daemons complained of is told before it goes with them. */
function explain(error: unknown, { name, clustersDir, retain, write }: CreateClusterOptions): unknown {
  const logs = endsOfLogs(hostsDirOf(name, clustersDir));
  const excerpt = logExcerpt(logs);
  for (const line of excerpt) write(line);
  if (excerpt.length > 0 && !retain)
    write('With --retain what was made is kept, and "gantry cluster logs NODE" shows the whole logs');
  return explainFailure({ error, clustersDir, freeBytes: freeBytes(clustersDir), logs });
}

async function make(options: CreateClusterOptions, kubeconfig: string): Promise<ClusterRecord> {
  const { name, clustersDir, config, gantry, write, signal } = options;
  const network = claimNetwork(name, clustersDir, options.subnet, config);
  const names = nodeNames(name, config.nodes);
  const nodes = config.nodes.map(
    ({ role, labels }, i): ClusterNode => ({
      name: names[i] ?? '',
      role,
      labels,
      address: hostLink(name, network, i).address,
    }),
  );
  const [first] = nodes;
  if (first === undefined) throw failedPrecondition('a cluster needs a node');
  const record: ClusterRecord = {
    version: 1,
    name,
    network,
    nodes,
    podSubnet: config.podSubnet,
    serviceSubnet: config.serviceSubnet,
    apiServerPort: config.apiServerPort,
    complete: false,
    kubeconfig,
  };
  writeClusterRecord(record, clustersDir);
  faultPoint('cluster/create/recorded');
  const resolver = machineResolver(network.gateway);
  write(`Making the network ${network.subnet} on the bridge ${network.bridge}`);
  ensureNetwork(network, resolver);
  await checkFirewall(network.bridge, nodes.length, write);
  faultPoint('cluster/create/network-made');
  const hosts: Host[] = [];
  for (const [i, node] of nodes.entries()) {
    write(`Making the host ${node.name} (${node.address})`);
    const host = await createHost({
      name: node.name,
      hostsDir: hostsDirOf(name, clustersDir),
      resolvConf: resolver.text,
      signal,
    });
    hosts.push(host);
    attachHost(host.pid1.pid, network, hostLink(name, network, i));
    faultPoint('cluster/create/host-made');
  }
  const [firstHost] = hosts;
  if (firstHost === undefined) throw failedPrecondition('a cluster needs a host');
  const token = generateToken();
  write(`Starting the control plane on ${first.name}`);
  const life = options.certificateValidityPeriod;
  const more = life === undefined ? [] : [`--certificate-validity-period=${life}`];
  await runStep(firstHost, [...gantry, ...initArguments(record, first, token), ...more], { write, signal });
  faultPoint('cluster/create/initialized');
  for (const [i, host] of hosts.entries()) {
    const node = nodes[i];
    if (i === 0 || node === undefined) continue;
    write(`Joining ${node.name}`);
    const pin = caPin(filesBelow(firstHost.path('/')));
    await runStep(host, [...gantry, ...joinArguments(record, first, node, token, pin)], { write, signal });
    faultPoint('cluster/create/joined');
  }
  const { path, context } = await mergeClusterContext(record, firstHost, kubeconfig, signal);
  write(`Wrote the context ${context} into ${path}`);
  write('Waiting for the nodes to be ready');
  await waitForNodes(record, clustersDir, signal);
  const complete: ClusterRecord = { ...record, complete: true };
  writeClusterRecord(complete, clustersDir);
  faultPoint('cluster/create/complete');
  return complete;
}

function initArguments(record: ClusterRecord, node: ClusterNode, token: string): readonly string[] {
  return [
    'init',
    `--node-name=${node.name}`,
    `--apiserver-advertise-address=${node.address}`,
    `--apiserver-bind-port=${record.apiServerPort}`,
    '--apiserver-cert-extra-sans=localhost,127.0.0.1',
    `--pod-network-cidr=${record.podSubnet}`,
    `--service-cidr=${record.serviceSubnet}`,
    `--token=${token}`,
    `--node-labels=${labelsText(node)}`,
    // the machine's own limits are its user's business: what fails for them says so itself
    '--ignore-preflight-errors=NumCPU,Mem',
    ...(record.nodes.length === 1 ? ['--no-control-plane-taint'] : []),
  ];
}

function joinArguments(
  record: ClusterRecord,
  first: ClusterNode,
  node: ClusterNode,
  token: string,
  pin: string,
): readonly string[] {
  return [
    'join',
    `${first.address}:${record.apiServerPort}`,
    `--token=${token}`,
    `--discovery-token-ca-cert-hash=${pin}`,
    `--node-name=${node.name}`,
    `--node-ip=${node.address}`,
    `--node-labels=${labelsText(node)}`,
  ];
}

function labelsText({ labels }: ClusterNode): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function parentThatExists(path: string): string {
  let at = path;
  while (!existsSync(at)) at = at.slice(0, Math.max(1, at.lastIndexOf('/')));
  return at;
}
