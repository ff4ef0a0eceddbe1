import { invalidArgument } from '../../base/errors.ts';
import type { CriIdMapping, CriNamespaceOption } from './inputs.ts';
import { NAMESPACE_MODE } from './inputs.ts';
import type { OciIdMapping, OciLinux } from './oci-spec.ts';

/** The ids of a pod's user namespace. */
export interface UserNamespaceIds {
  readonly uids: readonly OciIdMapping[];
  readonly gids: readonly OciIdMapping[];
}

/**
 * The user namespace that a pod asks for; undefined for the machine's. One mapping each, as upstream runtimes allow, and it must begin at the root of the
 * pod, who owns its files. Throws `invalid-argument` in upstream's words.
 */
export function podUserNamespace(options: CriNamespaceOption | undefined): UserNamespaceIds | undefined {
  const userns = options?.usernsOptions;
  if (userns === undefined) return undefined;
  const uids = mapping(userns.uids, 'UID');
  const gids = mapping(userns.gids, 'GID');
  switch (userns.mode) {
    case NAMESPACE_MODE.NODE:
      if (uids.length > 0 || gids.length > 0)
        throw refused(
          `can't use user namespace mode "NODE" with mappings. Got ${uids.length} UID mappings and ${gids.length} GID mappings`,
        );
      return undefined;
    case NAMESPACE_MODE.POD:
      if (uids.length === 0 || gids.length === 0)
        throw refused(`can't use user namespace mode "POD" without UID and GID mappings`);
      if (options?.network === NAMESPACE_MODE.NODE)
        throw refused('a pod on the host network cannot have a user namespace of its own: set hostUsers to true');
      return { uids, gids };
    default:
      throw refused(`unsupported user namespace mode: "${MODE_NAMES[userns.mode] ?? userns.mode}"`);
  }
}

const MODE_NAMES: Readonly<Record<number, string>> = { 1: 'CONTAINER', 3: 'TARGET' };

/** The machine's id for an id inside; the same one without mappings, and for an id that has none (it can own nothing). */
export function machineId(id: number, mappings: readonly OciIdMapping[] = []): number {
  const found = mappings.find(m => id >= m.containerID && id - m.containerID < m.size);
  return found === undefined ? id : found.hostID + id - found.containerID;
}

/** Throws `invalid-argument` for a user or group of a process that the pod's user namespace has no place for; the runtime would only say EINVAL. */
export function requireMappedUser(
  {
    uid,
    gid,
    additionalGids = [],
  }: { readonly uid: number; readonly gid: number; readonly additionalGids?: readonly number[] },
  pod: UserNamespaceIds | undefined,
): void {
  if (pod === undefined) return;
  const isIn = (id: number, mappings: readonly OciIdMapping[]): boolean =>
    mappings.some(m => id >= m.containerID && id - m.containerID < m.size);
  if (!isIn(uid, pod.uids))
    throw invalidArgument(`user id ${uid} has no place in the pod's user namespace (${text(pod)})`);
  const group = [gid, ...additionalGids].find(id => !isIn(id, pod.gids));
  if (group !== undefined)
    throw invalidArgument(`group id ${group} has no place in the pod's user namespace (${text(pod)})`);
}

/** The part of a specification that tells the ids. */
export function idMappings(ids: UserNamespaceIds | undefined): Pick<OciLinux, 'uidMappings' | 'gidMappings'> {
  return ids === undefined ? {} : { uidMappings: ids.uids, gidMappings: ids.gids };
}

/** Throws `invalid-argument` unless a container asks for the user namespace of its pod. */
export function requireSameUserNamespace(
  ofSandbox: UserNamespaceIds | undefined,
  container: CriNamespaceOption | undefined,
): void {
  const ofContainer = podUserNamespace(container);
  if (sameIds(ofSandbox, ofContainer)) return;
  throw invalidArgument(
    `user namespace config for sandbox is different from container. Sandbox userns config: ${text(ofSandbox)} - Container userns config: ${text(ofContainer)}`,
  );
}

/** True for a mount that is to show its files with the pod's ids. Throws `invalid-argument` for other ids than the pod's. */
export function isIdMapped(
  mount: {
    readonly containerPath: string;
    readonly uidMappings: readonly CriIdMapping[];
    readonly gidMappings: readonly CriIdMapping[];
  },
  pod: UserNamespaceIds | undefined,
): boolean {
  const asked = { uids: mount.uidMappings.map(oci), gids: mount.gidMappings.map(oci) };
  if (asked.uids.length === 0 && asked.gids.length === 0) return false;
  if (pod === undefined)
    throw invalidArgument(
      `mount ${mount.containerPath}: uid_mappings and gid_mappings need a pod with a user namespace of its own`,
    );
  if (!sameIds(asked, pod))
    throw invalidArgument(
      `mount ${mount.containerPath}: its id mappings (${text(asked)}) are not the pod's (${text(pod)})`,
    );
  return true;
}

function mapping(mappings: readonly CriIdMapping[], what: string): readonly OciIdMapping[] {
  const [first] = mappings;
  if (first === undefined) return [];
  if (mappings.length > 1)
    throw refused(`${what} mapping: only one mapping line supported, got ${mappings.length} mapping lines`);
  if (first.length < 1) throw refused(`${what} mapping: invalid mapping length: ${first.length}`);
  if (first.containerId !== 0)
    throw refused(`${what} mapping: it begins at ${first.containerId}, so that nobody is root in the pod`);
  return [oci(first)];
}

function oci({ containerId, hostId, length }: CriIdMapping): OciIdMapping {
  return { containerID: containerId, hostID: hostId, size: length };
}

function sameIds(a: UserNamespaceIds | undefined, b: UserNamespaceIds | undefined): boolean {
  return text(a) === text(b);
}

function text(ids: UserNamespaceIds | undefined): string {
  if (ids === undefined) return "the machine's";
  const lines = (mappings: readonly OciIdMapping[]): string =>
    mappings.map(m => `${m.containerID}:${m.hostID}:${m.size}`).join(',');
  return `uids ${lines(ids.uids)} gids ${lines(ids.gids)}`;
}

function refused(reason: string): Error {
  return invalidArgument(`user namespace configuration: ${reason}`);
}
