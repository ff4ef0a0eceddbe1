import { existsSync } from 'node:fs';
import { errorMessage, isNotFound } from '../base/errors.ts';
import { faultPoint } from '../linux/fault-point.ts';
import { holdLockFile } from '../linux/lock-file.ts';
import { deleteHost } from './host/host.ts';
import { listHostNames } from './host/record.ts';
import { contextName, removeClusterContext } from './kubeconfig/cluster-context.ts';
import { removeNetwork } from './network/network.ts';
import { bridgeName } from './network/plan.ts';
import { type ClusterRecord, clusterDir, hostsDirOf, readClusterRecord, removeClusterDir } from './record.ts';
import { releaseNetwork } from './subnets.ts';

export interface DeleteClusterOptions {
  readonly clustersDir: string;
  /** The caller holds the cluster's lock already. */
  readonly isLocked?: boolean;
  /** Told of what could not be taken away and holds up nothing. */
  readonly write: (line: string) => void;
}

/**
 * Takes a cluster away, whatever stands of it: hosts, network, context, data. Safe to repeat and to interrupt: the directory goes last. Throws `not-found`
 * when there is no cluster of that name.
 */
export async function deleteCluster(name: string, options: DeleteClusterOptions): Promise<void> {
  const { clustersDir, isLocked, write } = options;
  const directory = clusterDir(name, clustersDir);
  // says what there is
  if (!existsSync(directory)) readClusterRecord(name, clustersDir);
  if (isLocked !== true) holdLockFile(`${directory}/lock`, `the cluster "${name}"`);
  const hostsDir = hostsDirOf(name, clustersDir);
  // what has no record yet is a directory and nothing else
  for (const host of listHostNames(hostsDir)) await deleteHost(host, { hostsDir, missingOk: true });
  faultPoint('cluster/delete/hosts-deleted');
  // made by its name alone: a create that was killed early has left no record
  removeNetwork({ bridge: bridgeName(name), table: `gantry-cluster-${name}` });
  faultPoint('cluster/delete/network-removed');
  const record = recordOf(name, clustersDir);
  if (record !== undefined)
    await removeClusterContext(record).catch((error: unknown) =>
      // a kubeconfig that is broken or locked is no reason to keep a cluster
      write(`The context "${contextName(name)}" stays in ${record.kubeconfig}: ${errorMessage(error)}`),
    );
  faultPoint('cluster/delete/context-removed');
  releaseNetwork(name, clustersDir);
  removeClusterDir(name, clustersDir);
}

function recordOf(name: string, clustersDir: string): ClusterRecord | undefined {
  try {
    return readClusterRecord(name, clustersDir);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
