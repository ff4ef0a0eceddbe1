import { existsSync } from 'node:fs';
import { failedPrecondition } from '../base/errors.ts';
import { filesBelow } from '../bootstrap/files.ts';
import { caPin } from '../bootstrap/init.ts';
import { generateToken } from '../bootstrap/token.ts';
import { faultPoint } from '../linux/fault-point.ts';
import { holdLockFile } from '../linux/lock-file.ts';
import type { ClusterConfig } from './config.ts';
import { deleteCluster } from './delete.ts';
import { createHost } from './host/create.ts';
import type { Host } from './host/host.ts';
import { mergeClusterContext } from './kubeconfig/cluster-context.ts';
import { attachHost, ensureNetwork, machineResolver } from './network/network.ts';
import { hostLink } from './network/plan.ts';
import {
  assertClusterName,
  type ClusterNode,
  type ClusterRecord,
  claimCluster,
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
  claimCluster(name, clustersDir);
  holdLockFile(`${clustersDir}/${name}/lock`, `the cluster "${name}"`);
  try {
    return await make(options);
  } catch (error) {
    if (options.retain) {
      write(
        `What stands is kept: look at it with "gantry cluster exec", and end it with "gantry cluster delete --name ${name}"`,
      );
    } else {
      write('Deleting what was made of it');
      await deleteCluster(name, { clustersDir, isLocked: true });
    }
    throw error;
  }
}

async function make(options: CreateClusterOptions): Promise<ClusterRecord> {
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
    kubeconfig: undefined,
  };
  writeClusterRecord(record, clustersDir);
  faultPoint('cluster/create/recorded');
  const resolver = machineResolver(network.gateway);
  write(`Making the network ${network.subnet} on the bridge ${network.bridge}`);
  ensureNetwork(network, resolver);
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
  await runStep(firstHost, [...gantry, ...initArguments(record, first, token)], { write, signal });
  faultPoint('cluster/create/initialized');
  for (const [i, host] of hosts.entries()) {
    const node = nodes[i];
    if (i === 0 || node === undefined) continue;
    write(`Joining ${node.name}`);
    const pin = caPin(filesBelow(firstHost.path('/')));
    await runStep(host, [...gantry, ...joinArguments(record, first, node, token, pin)], { write, signal });
    faultPoint('cluster/create/joined');
  }
  const { path, context } = await mergeClusterContext(record, firstHost, options.kubeconfig, signal);
  write(`Wrote the context ${context} into ${path}`);
  write('Waiting for the nodes to be ready');
  await waitForNodes(record, clustersDir, signal);
  const complete: ClusterRecord = { ...record, complete: true, kubeconfig: path };
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
