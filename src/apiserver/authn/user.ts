/** Who makes a request, whatever proved it. */
export interface UserInfo {
  readonly name: string;
  /** Empty where the proof carries none. */
  readonly uid: string;
  readonly groups: readonly string[];
  /** What the proof says beyond that: the pod of a token, the id of the credential. A map, because clients choose the keys. */
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

export const GROUP_MASTERS = 'system:masters';
export const GROUP_AUTHENTICATED = 'system:authenticated';
export const GROUP_UNAUTHENTICATED = 'system:unauthenticated';
export const GROUP_NODES = 'system:nodes';
export const GROUP_SERVICE_ACCOUNTS = 'system:serviceaccounts';
export const USER_ANONYMOUS = 'system:anonymous';
const USER_NODE_PREFIX = 'system:node:';
const USER_SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:';

/** The key under which `extra` tells which credential was used. */
export const EXTRA_CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** The key under which `extra` tells the node of a token's pod. */
export const EXTRA_NODE_NAME = 'authentication.kubernetes.io/node-name';

const NO_EXTRA: UserInfo['extra'] = new Map();

export function userInfo(name: string, groups: readonly string[], more: Partial<UserInfo> = {}): UserInfo {
  return { name, groups, uid: more.uid ?? '', extra: more.extra ?? NO_EXTRA };
}

export const ANONYMOUS: UserInfo = userInfo(USER_ANONYMOUS, [GROUP_UNAUTHENTICATED]);

export function isAnonymous(user: UserInfo): boolean {
  return user.name === USER_ANONYMOUS || user.groups.includes(GROUP_UNAUTHENTICATED);
}

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${USER_SERVICE_ACCOUNT_PREFIX}${namespace}:${name}`;
}

export function serviceAccountGroups(namespace: string): readonly string[] {
  return [GROUP_SERVICE_ACCOUNTS, `${GROUP_SERVICE_ACCOUNTS}:${namespace}`];
}

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const SERVICE_ACCOUNT = new RegExp(`^${USER_SERVICE_ACCOUNT_PREFIX}(${LABEL}):(${LABEL}(?:\\.${LABEL})*)$`);

/** The service account that a user name stands for, undefined for any other user. */
export function serviceAccountOf(userName: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = SERVICE_ACCOUNT.exec(userName) ?? [];
  if (namespace === undefined || name === undefined || namespace.length > 63 || name.length > 253) return undefined;
  return { namespace, name };
}

/**
 * The node that a user is. `isNode` needs both the group and the form of the name, so neither alone makes a node; a node without a name
 * is one that cannot be told from others.
 */
export function nodeOf(user: UserInfo): { readonly isNode: boolean; readonly nodeName: string } {
  const isNode = user.name.startsWith(USER_NODE_PREFIX) && user.groups.includes(GROUP_NODES);
  return { isNode, nodeName: isNode ? user.name.slice(USER_NODE_PREFIX.length) : '' };
}
