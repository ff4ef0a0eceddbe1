import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { errorMessage, failedPrecondition, isNotFound } from '../../base/errors.ts';
import { withDeadline } from '../../base/signals.ts';
import { ApiConnection } from '../../client/connection.ts';
import { kubeconfigReferences, readKubeconfig } from '../../client/kubeconfig.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import type { FaultPoint } from '../../linux/fault-point.ts';
import { readMarker } from '../marker.ts';
import type { Phase, Say } from '../phases.ts';
import { PreflightError, sortFindings } from '../preflight/findings.ts';
import { cleanupNode } from './cleanup-node.ts';
import type { ResetContext } from './context.ts';
import { hasLocalEtcd, memberProblem, removeLocalMember } from './etcd-member.ts';
import { isSilent } from './silence.ts';

/** The phases of `reset`, by kubeadm's names; deleting the Node object is ours. */
export type ResetPhaseName = 'preflight' | 'delete-node' | 'remove-etcd-member' | 'cleanup-node';

const CALL_PATIENCE_MS = 5000;
const NODES = { group: '', version: 'v1', plural: 'nodes' } as const;

/** The phases of `reset` in their order. Each may be run again, and all of them after they were killed anywhere. */
export const RESET_PHASES: readonly Phase<ResetPhaseName, ResetContext>[] = [
  { name: 'preflight', description: 'Run reset pre-flight checks', run: preflight },
  { name: 'delete-node', description: 'Delete the Node object, where asked', run: deleteNode },
  { name: 'remove-etcd-member', description: 'Remove a local etcd member', run: leaveEtcd },
  { name: 'cleanup-node', description: 'Stop the node and take away all that was made', run: cleanupNode },
];

export function resetFaultPoint(name: ResetPhaseName): FaultPoint {
  return `bootstrap/reset/${name}`;
}

async function preflight(context: ResetContext, say: Say): Promise<void> {
  if (!context.force && !context.dryRun) {
    say("WARNING: Changes made to this host by 'gantry init' or 'gantry join' will be reverted.");
    if (!(await context.confirm('[reset] Are you sure you want to proceed? [y/N]: ')))
      throw failedPrecondition(
        "won't proceed; the user didn't answer (Y|y) in order to continue (--force asks nothing)",
      );
  }
  say('Running pre-flight checks');
  const findings = context.isRoot
    ? []
    : ([{ check: 'IsPrivilegedUser', message: 'user is not running as root', severity: 'error' }] as const);
  const { errors, warnings } = sortFindings(findings, context.ignoredChecks);
  for (const { check, message } of warnings) say(`\t[WARNING ${check}]: ${message}`);
  if (errors.length > 0) throw new PreflightError(errors);
}

/** A Node that cannot be deleted from here is no reason to keep the machine a node: how to delete it by hand is told. */
async function deleteNode({ nodeObject, names, dryRun }: ResetContext, say: Say, signal: AbortSignal): Promise<void> {
  if (nodeObject === undefined) return;
  const { name, kubeconfig } = nodeObject;
  if (name === undefined) {
    say(
      'No Node is deleted: neither a certificate of a kubelet nor its unit tells which one this machine is. Name it by --node-name, or run "kubectl delete node NAME" where you administer the cluster',
    );
    return;
  }
  const byHand = `so run "kubectl delete node ${name}" where you administer the cluster`;
  const isHung = (path: string): boolean => isSilent(path, names.silent);
  const hung = isHung(kubeconfig) ? kubeconfig : kubeconfigReferences(kubeconfig).find(isHung);
  if (hung !== undefined) {
    say(`The Node "${name}" is not deleted, ${byHand}: the disk or server of ${hung} does not answer`);
    return;
  }
  if (!existsSync(kubeconfig)) {
    say(`There is no ${kubeconfig} here (--kubeconfig names another one), ${byHand}`);
    return;
  }
  if (dryRun) {
    say(`Would delete the Node "${name}"`);
    return;
  }
  let connection: ApiConnection | undefined;
  try {
    // a reset that was killed may have taken the pair that a kubeconfig of the kubelet's names
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-reset' });
    const nodes = new ResourceClient(connection, NODES);
    await withDeadline(CALL_PATIENCE_MS, 'the API server', signal, limit => nodes.delete('', name, {}, limit));
    say(`Deleted the Node "${name}"`);
  } catch (error) {
    signal.throwIfAborted();
    say(
      isNotFound(error)
        ? `There is no Node "${name}"`
        : `The Node "${name}" is not deleted, ${byHand}: ${errorMessage(error)}`,
    );
  } finally {
    connection?.close();
  }
}

/** An etcd that does not answer is no reason to keep a node: what to do about its member is told. */
async function leaveEtcd(
  { files, names, services, dryRun }: ResetContext,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const marker = readMarker(files);
  const external = marker?.externalEtcd;
  if (external !== undefined) {
    say(`The external etcd (${external.endpoints.join(', ')}) and what the cluster has written there are not touched`);
    say('Where nobody needs that any more, remove it there: etcdctl del --prefix /registry/');
    return;
  }
  const hung = [files.pkiDir, files.etcdDataDir].find(path => isSilent(path, names.silent));
  if (hung !== undefined) {
    say(
      `${hung} does not answer, so etcd is not asked for its member: where other members are left, remove it there with "etcdctl member remove"`,
    );
    return;
  }
  if (services === undefined || !hasLocalEtcd(files, marker)) {
    if (existsSync(files.adminConf))
      say('No etcd config found. Assuming external etcd: please, manually reset etcd to prevent further issues');
    return;
  }
  const own = Object.values(networkInterfaces()).flatMap(all => (all ?? []).map(({ address }) => address));
  try {
    const outcome = await removeLocalMember(files, url => own.includes(new URL(url).hostname.replace(/^\[|\]$/g, '')), {
      dryRun,
      signal,
    });
    if (outcome === 'last') say('This is the only member of etcd: there is no other that has to know');
    else if (outcome === 'unknown')
      say('No member of etcd is at an address of this machine: "etcdctl member list" tells which are there');
    else say(`${dryRun ? 'Would remove' : 'Removed'} the member of this node from etcd`);
  } catch (error) {
    signal.throwIfAborted();
    say(memberProblem(error));
  }
}
