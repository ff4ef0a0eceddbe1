import { existsSync } from 'node:fs';
import type { Lease } from '../api/types/gen/coordination-v1.ts';
import type { Node } from '../api/types/gen/core-v1.ts';
import { errorMessage, failedPrecondition } from '../base/errors.ts';
import { waitUntil } from '../bootstrap/wait.ts';
import { ApiConnection } from '../client/connection.ts';
import { parseKubeconfig } from '../client/kubeconfig.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { isRunning, openHost } from './host/host.ts';
import { listHostNames, readHostRecord } from './host/record.ts';
import { clusterKubeconfig } from './kubeconfig/cluster-context.ts';
import { type ClusterRecord, hostsDirOf } from './record.ts';

/** The exit code of `status`: a bit for each thing that is not well, as minikube counts them. */
export const STATUS_BITS = { host: 1, controlPlane: 2, kubernetes: 4 } as const;

export interface ClusterStatus {
  readonly nodes: readonly {
    readonly name: string;
    readonly role: string;
    readonly host: 'Running' | 'Stopped' | 'Missing';
  }[];
  readonly controlPlane: 'Running' | 'Stopped';
  /** Why the control plane is not well, empty where it is. */
  readonly because: string;
  /** Nodes that are not Ready, as the API knows them; all where it cannot be asked. */
  readonly notReady: readonly string[];
  readonly exitCode: number;
}

const ANSWER_MS = 5000;
const READY_PATIENCE_MS = 120_000;
const NODES = { group: '', version: 'v1', plural: 'nodes' } as const;
const LEASES = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' } as const;
/** Where kubelets renew a lease of their node's name. */
const LEASE_NAMESPACE = 'kube-node-lease';

/** Looks at hosts, API server and nodes. Never throws for what is not well: that is the answer. */
export async function clusterStatus(record: ClusterRecord, clustersDir: string): Promise<ClusterStatus> {
  const hostsDir = hostsDirOf(record.name, clustersDir);
  const nodes = record.nodes.map(({ name, role }) => {
    const isThere = listHostNames(hostsDir).includes(name);
    const host = !isThere ? 'Missing' : isRunning(readHostRecord(name, hostsDir)) ? 'Running' : 'Stopped';
    return { name, role, host } as const;
  });
  const names = nodes.map(({ name }) => name);
  const answer = await askNodes(record, hostsDir).then(
    ready => ({ notReady: names.filter(name => !ready.includes(name)), because: '' }),
    (error: unknown) => ({ notReady: names, because: errorMessage(error) }),
  );
  const hostsWell = nodes.every(({ host }) => host === 'Running');
  return {
    nodes,
    ...answer,
    controlPlane: answer.because === '' ? 'Running' : 'Stopped',
    exitCode:
      (hostsWell ? 0 : STATUS_BITS.host) |
      (answer.because === '' ? 0 : STATUS_BITS.controlPlane) |
      (answer.notReady.length === 0 ? 0 : STATUS_BITS.kubernetes),
  };
}

/** Hosts that were just started. The API knows their nodes from before: what their kubelets have renewed since tells of them. */
export interface StartedNodes {
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** The names of the nodes that are Ready. */
async function askNodes(record: ClusterRecord, hostsDir: string, started?: StartedNodes): Promise<readonly string[]> {
  const connection = connectTo(record, hostsDir);
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const { items } = await new ResourceClient<Node>(connection, NODES).list('', {}, signal);
    const ready = items
      .filter(node => node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))
      .map(node => node.metadata.name ?? '');
    if (started === undefined || started.names.length === 0) return ready;
    const leases = await new ResourceClient<Lease>(connection, LEASES).list(LEASE_NAMESPACE, {}, signal);
    const silent = new Set(started.names);
    for (const { metadata, spec } of leases.items)
      if (Date.parse(spec?.renewTime ?? '') >= started.since) silent.delete(metadata.name ?? '');
    return ready.filter(name => !silent.has(name));
  } finally {
    connection.close();
  }
}

/** Waits until every node is Ready, as the API knows it. Throws `deadline-exceeded` that names those that are not, and why. */
export function waitForNodes(
  record: ClusterRecord,
  clustersDir: string,
  signal: AbortSignal,
  started?: StartedNodes,
): Promise<void> {
  const hostsDir = hostsDirOf(record.name, clustersDir);
  return waitUntil(
    { what: `the nodes of "${record.name}" to be ready`, timeoutMs: READY_PATIENCE_MS, pauseMs: 250, signal },
    async () => {
      const ready = await askNodes(record, hostsDir, started);
      const others = record.nodes.filter(({ name }) => !ready.includes(name));
      if (others.length > 0) throw failedPrecondition(`${others.map(({ name }) => name).join(', ')} not Ready`);
    },
  );
}

/** A connection to the cluster's API server as its administrator; the caller closes it. Throws when its host does not run. */
export function connectTo(record: ClusterRecord, hostsDir: string): ApiConnection {
  const first = record.nodes[0]?.name ?? '';
  const host = openHost(first, hostsDir);
  const text = existsSync(host.path('/etc/kubernetes/admin.conf')) ? clusterKubeconfig(record, host) : '';
  return new ApiConnection(parseKubeconfig(text, { path: 'admin.conf' }), { userAgent: 'gantry-cluster' });
}
