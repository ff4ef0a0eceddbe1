import { failedPrecondition } from '../base/errors.ts';
import type { KubeletSettings } from './settings.ts';

/** Uids become directory and cgroup names: what upstream makes is hex or a UUID, and nothing else is taken. */
const UID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

export function isPodUid(text: string): boolean {
  return UID.test(text);
}

type Roots = Pick<KubeletSettings, 'rootDir' | 'podLogsDir'>;

export function podsDir(roots: Roots): string {
  return `${roots.rootDir}/pods`;
}

/** Where archives of checkpoints are written; nobody but an admin removes them. */
export function checkpointsDir({ rootDir }: Pick<Roots, 'rootDir'>): string {
  return `${rootDir}/checkpoints`;
}

/** `/var/lib/kubelet/pods/<uid>`. Throws for a uid that is no plain name. */
export function podDir(roots: Roots, uid: string): string {
  if (!isPodUid(uid)) throw failedPrecondition(`pod uid "${uid}" cannot be a directory name`);
  return `${podsDir(roots)}/${uid}`;
}

/** `/var/log/pods/<namespace>_<name>_<uid>`. */
export function podLogDir(
  roots: Roots,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
): string {
  return `${roots.podLogsDir}/${pod.namespace}_${pod.name}_${pod.uid}`;
}

/** The uid in the name of a pod's log directory: all after the second `_`, since namespaces and names hold none and uids may. Undefined for other names. */
export function uidOfLogDir(name: string): string | undefined {
  return /^[^_]+_[^_]+_(.+)$/.exec(name)?.[1];
}
