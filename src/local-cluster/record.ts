import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import {
  errnoName,
  errorMessage,
  failedPrecondition,
  GantryError,
  invalidArgument,
  isNotFound,
  notFound,
} from '../base/errors.ts';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import type { NodeRole } from './config.ts';
import type { ClusterNetwork } from './network/plan.ts';

/** Where clusters keep what is known of them, and their hosts' data. */
export const DEFAULT_CLUSTERS_DIR = '/var/lib/gantry-clusters';
export const DEFAULT_CLUSTER_NAME = 'gantry';

export interface ClusterNode {
  /** Of the host and of the node. */
  readonly name: string;
  readonly role: NodeRole;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is remembered of a cluster on disk, so that another process can use, stop or delete it. Written before anything of it is made. */
export interface ClusterRecord {
  readonly version: 1;
  readonly name: string;
  readonly network: ClusterNetwork;
  readonly nodes: readonly ClusterNode[];
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  readonly apiServerPort: number;
  /** False until everything of it was made: what is left of an interrupted `create` can only be deleted. */
  readonly complete: boolean;
  /** The kubeconfig that its context is merged into. */
  readonly kubeconfig: string;
}

/** A cluster's name is part of its hosts' names, which have at most 40 characters. */
export function assertClusterName(name: string): void {
  if (!/^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$/.test(name))
    throw invalidArgument(`"${name}" is no cluster name: use 1 to 24 of a-z, 0-9 and "-", not at the ends`);
}

export function clusterDir(name: string, clustersDir: string): string {
  assertClusterName(name);
  return `${clustersDir}/${name}`;
}

export function hostsDirOf(name: string, clustersDir: string): string {
  return `${clusterDir(name, clustersDir)}/hosts`;
}

/** Makes the directory, which is the claim on the name. Throws `already-exists` that says what to do. */
export function claimCluster(name: string, clustersDir: string): void {
  const clash = existsSync(clustersDir) && !statSync(clustersDir).isDirectory();
  if (clash) throw invalidArgument(`${clustersDir} is no directory: name another place with --clusters-dir`);
  try {
    // the parent goes with the last cluster, perhaps just between our two mkdirs
    for (let attempt = 1; ; attempt += 1) {
      mkdirSync(clustersDir, { recursive: true, mode: 0o711 });
      try {
        mkdirSync(clusterDir(name, clustersDir), { mode: 0o711 });
        return;
      } catch (error) {
        if (errnoName(error) !== 'ENOENT' || attempt === 5) throw error;
      }
    }
  } catch (error) {
    if (errnoName(error) !== 'EEXIST')
      throw failedPrecondition(
        `${clustersDir} cannot be written: ${errorMessage(error)}: name another place with --clusters-dir`,
        { cause: error },
      );
    throw new GantryError(
      'already-exists',
      `there is a cluster "${name}" already: choose another --name, or delete it with "gantry cluster delete --name ${name}"`,
    );
  }
}

export function writeClusterRecord(record: ClusterRecord, clustersDir: string): void {
  writeFileAtomic(`${clusterDir(record.name, clustersDir)}/cluster.json`, `${JSON.stringify(record, undefined, 2)}\n`, {
    durable: true,
  });
}

/** Throws `not-found` that says what there is, `data-loss` when the record cannot be read. */
export function readClusterRecord(name: string, clustersDir: string): ClusterRecord {
  const file = `${clusterDir(name, clustersDir)}/cluster.json`;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const others = listClusterNames(clustersDir);
    throw notFound(
      `there is no cluster "${name}"; ${others.length === 0 ? 'there is none' : `there are: ${others.join(', ')}`}`,
    );
  }
  try {
    const record = JSON.parse(text) as ClusterRecord;
    if (record.version !== 1) throw new Error(`version ${String(record.version)} is not known`);
    return record;
  } catch (error) {
    throw new GantryError('data-loss', `${file} cannot be read: ${String(error)}`, { cause: error });
  }
}

/** Names of all clusters, half made ones too, sorted. */
export function listClusterNames(clustersDir: string): string[] {
  if (!existsSync(clustersDir)) return [];
  return readdirSync(clustersDir, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .sort();
}

/** Takes the cluster's directory away, and the parent with the last of them. */
export function removeClusterDir(name: string, clustersDir: string): void {
  rmSync(clusterDir(name, clustersDir), { recursive: true, force: true });
  try {
    rmdirSync(clustersDir);
  } catch (error) {
    const code = errnoName(error);
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}
