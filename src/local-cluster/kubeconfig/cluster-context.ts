import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { errorMessage, failedPrecondition, GantryError } from '../../base/errors.ts';
import type { Host } from '../host/host.ts';
import type { ClusterRecord } from '../record.ts';
import { changeKubeconfig, kubeconfigPath, readCaller } from './file.ts';
import { type ContextEntries, mergeContext, removeContext } from './merge.ts';

/** The name of the cluster's context, of its cluster and of its user in kubeconfigs. */
export function contextName(cluster: string): string {
  return `gantry-${cluster}`;
}

/** The kubeconfig to write into. Throws in one line where that would fail, so that nothing is made in vain; changes nothing. */
export async function checkKubeconfig(asked: string | undefined, signal: AbortSignal): Promise<string> {
  const caller = readCaller();
  const path = kubeconfigPath(asked, caller);
  const nothing: ContextEntries = { name: 'none', cluster: {}, user: {} };
  try {
    await changeKubeconfig(
      path,
      caller,
      text => {
        mergeContext(text, path, nothing);
        return undefined;
      },
      signal,
    );
  } catch (error) {
    if (error instanceof GantryError) throw error;
    throw failedPrecondition(
      `the kubeconfig ${path} cannot be written: ${errorMessage(error)}: name another file with --kubeconfig`,
      { cause: error },
    );
  }
  return path;
}

/** Puts the cluster's context into the kubeconfig, as the current one. */
export async function mergeClusterContext(
  record: ClusterRecord,
  controlPlane: Host,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly context: string }> {
  const entries = clusterContext(record, controlPlane);
  await changeKubeconfig(path, readCaller(), text => mergeContext(text, path, entries), signal);
  return { path, context: entries.name };
}

/** Takes the context out of the kubeconfig that it was put into. One that is gone is fine. */
export async function removeClusterContext(record: ClusterRecord): Promise<void> {
  const caller = readCaller();
  const path = record.kubeconfig;
  await changeKubeconfig(path, caller, text => removeContext(text, path, contextName(record.name)));
}

/** A kubeconfig of this cluster alone, as text. */
export function clusterKubeconfig(record: ClusterRecord, controlPlane: Host): string {
  return mergeContext('', 'the new kubeconfig', clusterContext(record, controlPlane));
}

function clusterContext(record: ClusterRecord, controlPlane: Host): ContextEntries {
  const admin = parse(readFileSync(controlPlane.path('/etc/kubernetes/admin.conf'), 'utf8')) as {
    readonly clusters: readonly [{ readonly cluster: Record<string, string> }];
    readonly users: readonly [{ readonly user: Record<string, string> }];
  };
  return { name: contextName(record.name), cluster: admin.clusters[0].cluster, user: admin.users[0].user };
}
