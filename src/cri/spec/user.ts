import { invalidArgument } from '../../base/errors.ts';
import type { CriContainerSecurityContext } from './inputs.ts';
import { SUPPLEMENTAL_GROUPS_POLICY } from './inputs.ts';
import type { OciUser } from './oci-spec.ts';

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface UserRequest {
  readonly securityContext: CriContainerSecurityContext | undefined;
  /** The image's `User`. */
  readonly imageUser: string;
  /** Texts of the image's /etc/passwd and /etc/group. */
  readonly passwd: string;
  readonly group: string;
}

/** uid and gid above this do not fit the kernel's type less its "no change" value. */
const MAX_ID = 0xfffffffe;

/**
 * Who the process runs as. Asked in this order: run_as_user, run_as_username, the image's user, root. Group: run_as_group, the group half of the image's
 * `user:group`, the user's primary group in passwd, 0. A name needs an entry in passwd; a number needs none and is never looked up as a name, so that no
 * image can turn a number into another user. The additional groups begin with the primary one;
 * with policy Merge the groups that /etc/group gives the user follow, then the request's; with Strict the request's alone.
 * Throws `invalid-argument` for an unknown name and for run_as_group without a user.
 */
export function processUser(request: UserRequest): OciUser {
  const context = request.securityContext;
  const users = parsePasswd(request.passwd);
  const groups = parseGroup(request.group);
  const [imageUserName = '', imageGroupName = ''] = request.imageUser.split(':');
  const requestNamesUser = context?.runAsUser !== undefined || (context?.runAsUsername ?? '') !== '';
  if (context?.runAsGroup !== undefined && !requestNamesUser)
    throw invalidArgument('run_as_group is set without run_as_user or run_as_username');

  const wanted = requestNamesUser
    ? (context?.runAsUser?.value.toString() ?? context?.runAsUsername ?? '')
    : imageUserName;
  const user = resolveUser(wanted, users);
  const gid =
    context?.runAsGroup !== undefined
      ? parseId(context.runAsGroup.value.toString(), 'group')
      : !requestNamesUser && imageGroupName !== ''
        ? resolveGroup(imageGroupName, groups)
        : user.gid;
  const memberships =
    context?.supplementalGroupsPolicy === SUPPLEMENTAL_GROUPS_POLICY.STRICT || user.name === undefined
      ? []
      : groups.filter(g => g.members.includes(user.name ?? '')).map(g => g.gid);
  const asked = (context?.supplementalGroups ?? []).map(g => parseId(g.toString(), 'group'));
  return { uid: user.uid, gid, additionalGids: [...new Set([gid, ...memberships, ...asked])] };
}

function resolveUser(wanted: string, users: readonly PasswdEntry[]): { uid: number; gid: number; name?: string } {
  if (wanted !== '' && !/^\d+$/.test(wanted)) {
    const byName = users.find(u => u.name === wanted);
    if (byName === undefined) throw invalidArgument(`user "${wanted}" is not in the image's /etc/passwd`);
    return byName;
  }
  const uid = wanted === '' ? 0 : parseId(wanted, 'user');
  return users.find(u => u.uid === uid) ?? { uid, gid: 0 };
}

function resolveGroup(wanted: string, groups: readonly GroupEntry[]): number {
  if (/^\d+$/.test(wanted)) return parseId(wanted, 'group');
  const byName = groups.find(g => g.name === wanted);
  if (byName === undefined) throw invalidArgument(`group "${wanted}" is not in the image's /etc/group`);
  return byName.gid;
}

function parseId(text: string, what: string): number {
  const id = Number(text);
  if (!Number.isInteger(id) || id < 0 || id > MAX_ID)
    throw invalidArgument(`${what} id ${text} is not between 0 and ${MAX_ID}`);
  return id;
}

/** Lines whose numbers are none, or do not fit the kernel's type, are passed over. */
function parsePasswd(text: string): PasswdEntry[] {
  return fieldsOf(text).flatMap(([name = '', , uid = '', gid = '']) =>
    isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [],
  );
}

function parseGroup(text: string): GroupEntry[] {
  return fieldsOf(text).flatMap(([name = '', , gid = '', members = '']) =>
    isId(gid) ? [{ name, gid: Number(gid), members: members.split(',').map(m => m.trim()) }] : [],
  );
}

function isId(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= MAX_ID;
}

function fieldsOf(text: string): string[][] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(':'));
}
