import { goQuoteList } from '../../api/go-quote.ts';
import { badRequestError } from '../../api/status.ts';
import { type Attributes, forbiddenByAuthorizer, resourceAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { RequestHeaders } from '../http.ts';
import {
  GROUP_AUTHENTICATED,
  GROUP_UNAUTHENTICATED,
  serviceAccountGroups,
  serviceAccountOf,
  USER_ANONYMOUS,
  type UserInfo,
} from './user.ts';

const EXTRA_PREFIX = 'impersonate-extra-';
const AUTHENTICATION_GROUP = 'authentication.k8s.io';

export function isImpersonationHeader(name: string): boolean {
  return (
    name === 'impersonate-user' ||
    name === 'impersonate-group' ||
    name === 'impersonate-uid' ||
    name.startsWith(EXTRA_PREFIX)
  );
}

/** Who a request wants to be taken for, as its headers say; undefined where they do not. */
export interface WantedUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid: string;
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

/** Reads the headers. Throws 400 for groups, a UID or extras without a user. */
export function wantedUser(headers: RequestHeaders): WantedUser | undefined {
  const name = headers.get('impersonate-user');
  const groups = headers.all('impersonate-group');
  const uid = headers.get('impersonate-uid');
  const extra = new Map<string, readonly string[]>();
  for (const [header, values] of headers.entries())
    if (header.startsWith(EXTRA_PREFIX)) extra.set(extraKey(header.slice(EXTRA_PREFIX.length)), values);
  if (name !== '') return { name, groups, uid, extra };
  if (groups.length > 0 || uid !== '' || extra.size > 0)
    throw badRequestError(
      `requested groups ${goQuoteList(groups)}, a UID or extras (keys ${goQuoteList([...extra.keys()])}) without impersonating a user name`,
    );
  return undefined;
}

function extraKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/**
 * The user that the request is from now on taken for. Every part of it must be allowed to `requestor` by itself: the user or service account, each
 * group, each value of an extra, the UID. Throws 403 with the first part that is not.
 */
export function impersonatedUser(requestor: UserInfo, wanted: WantedUser, authorizer: Authorizer): UserInfo {
  for (const question of questions(requestor, wanted)) {
    const decision = authorizer.authorize(question);
    if (decision.kind !== 'allow') throw forbiddenByAuthorizer(question, decision.reason);
  }
  const account = serviceAccountOf(wanted.name);
  const groups =
    account !== undefined && wanted.groups.length === 0 ? serviceAccountGroups(account.namespace) : wanted.groups;
  return { name: wanted.name, uid: wanted.uid, extra: wanted.extra, groups: completedGroups(wanted.name, groups) };
}

function questions(requestor: UserInfo, wanted: WantedUser): Attributes[] {
  const ask = (resource: Parameters<typeof resourceAttributes>[2]): Attributes =>
    resourceAttributes(requestor, 'impersonate', resource);
  const account = serviceAccountOf(wanted.name);
  return [
    account === undefined
      ? ask({ resource: 'users', name: wanted.name })
      : ask({ resource: 'serviceaccounts', namespace: account.namespace, name: account.name }),
    ...wanted.groups.map(name => ask({ resource: 'groups', name })),
    ...[...wanted.extra].flatMap(([subresource, values]) =>
      values.map(name => ask({ apiGroup: AUTHENTICATION_GROUP, resource: 'userextras', subresource, name })),
    ),
    ...(wanted.uid === '' ? [] : [ask({ apiGroup: AUTHENTICATION_GROUP, resource: 'uids', name: wanted.uid })]),
  ];
}

/** Who is impersonated counts as authenticated, unless the groups say otherwise or it is the anonymous user. */
function completedGroups(name: string, groups: readonly string[]): readonly string[] {
  if (name === USER_ANONYMOUS)
    return groups.includes(GROUP_UNAUTHENTICATED) ? groups : [...groups, GROUP_UNAUTHENTICATED];
  return groups.includes(GROUP_AUTHENTICATED) || groups.includes(GROUP_UNAUTHENTICATED)
    ? groups
    : [...groups, GROUP_AUTHENTICATED];
}
