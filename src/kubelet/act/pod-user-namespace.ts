import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { errnoName, errorMessage, failedPrecondition } from '../../base/errors.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { NamespaceMode, UserNamespace } from '../../rpc/cri-api.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { isPodUid, podDir, podsDir } from '../pod-paths.ts';
import { formatMappings, freeRange, parseMappings, rangeMapping } from '../runtime/user-namespace-ids.ts';
import type { KubeletSettings } from '../settings.ts';

type Roots = Pick<KubeletSettings, 'rootDir' | 'podLogsDir'>;

/** Upstream's name of it. */
const FILE = 'userns';

/**
 * The user namespace of a pod with `hostUsers: false`, undefined for others. The range of ids is taken at the first call and kept in the pod's directory, with which
 * it is given back: what is on the disk is all that there is, so a restarted kubelet knows it. Throws when the file is not what a kubelet writes.
 */
export function userNamespaceOf(roots: Roots, { uid, pod: { spec } }: DesiredPod): UserNamespace | undefined {
  if (spec.hostUsers !== false) return undefined;
  const mapping = rangeMapping(rangeOf(roots, uid) ?? takeRange(roots, uid));
  return UserNamespace.fromPartial({ mode: NamespaceMode.POD, uids: [mapping], gids: [mapping] });
}

/** Nothing is awaited between the look and the write: no other pod comes between. */
function takeRange(roots: Roots, uid: string): number {
  const used = new Set(podUids(roots).flatMap(other => rangeOf(roots, other) ?? []));
  const first = freeRange(used);
  mkdirSync(podDir(roots, uid), { recursive: true, mode: 0o750 });
  writeFileAtomic(`${podDir(roots, uid)}/${FILE}`, formatMappings(first), { durable: true });
  return first;
}

/** A file that cannot be understood holds up all who need a range: two pods with the same ids could reach each other's files. */
function rangeOf(roots: Roots, uid: string): number | undefined {
  const path = `${podDir(roots, uid)}/${FILE}`;
  try {
    return parseMappings(readFileSync(path, 'utf8'));
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    throw failedPrecondition(`user namespace: ${path}: ${errorMessage(error)}`, {
      cause: error,
      reason: 'CreatePodSandboxError',
    });
  }
}

function podUids(roots: Roots): readonly string[] {
  try {
    return readdirSync(podsDir(roots)).filter(isPodUid);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    throw error;
  }
}
