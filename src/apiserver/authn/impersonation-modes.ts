import { goQuote } from '../../api/go-quote.ts';
import type { ApiError } from '../../api/status.ts';
import { dns1123Subdomain } from '../../api/validation/names.ts';
import { type Attributes, forbiddenByAuthorizer, resourceAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { WantedUser } from './impersonation.ts';
import {
  EXTRA_NODE_NAME,
  GROUP_AUTHENTICATED,
  GROUP_MASTERS,
  GROUP_NODES,
  GROUP_UNAUTHENTICATED,
  serviceAccountGroups,
  serviceAccountOf,
  USER_ANONYMOUS,
  type UserInfo,
} from './user.ts';

const AUTHENTICATION_GROUP = 'authentication.k8s.io';
const NODE_PREFIX = 'system:node:';

/**
 * A way to be allowed to impersonate. The constrained ones ask twice: `impersonate-on:<mode>:<verb>` for what is to be done, then
 * `impersonate:<mode>` for who one wants to be. The plain one asks only the second, with the verb `impersonate`.
 */
interface Mode {
  readonly verb: string;
  /** Empty for the plain mode. */
  readonly onVerbPrefix: string;
  applies(wanted: WantedUser, requestor: UserInfo): boolean;
}

const constrained = (name: string, applies: Mode['applies']): Mode => ({
  verb: `impersonate:${name}`,
  onVerbPrefix: `impersonate-on:${name}:`,
  applies,
});

/** In the order in which they are tried. */
const MODES: readonly Mode[] = [
  constrained('associated-node', (wanted, requestor) => isOnlyName(wanted) && isNodeOfAccount(requestor, wanted.name)),
  constrained('arbitrary-node', wanted => isOnlyName(wanted) && nodeName(wanted.name) !== undefined),
  constrained('serviceaccount', wanted => isOnlyName(wanted) && serviceAccountOf(wanted.name) !== undefined),
  constrained(
    'user-info',
    wanted => nodeName(wanted.name) === undefined && serviceAccountOf(wanted.name) === undefined,
  ),
  { verb: 'impersonate', onVerbPrefix: '', applies: () => true },
];

/**
 * The user that the request `asked` is from now on taken for, by the first mode that allows it. Every part of the user must be allowed by itself: the name,
 * the UID, each group, each value of an extra. Throws 403 with what the first mode that applies had against it. Pure.
 */
export function impersonatedUser(asked: Attributes, wanted: WantedUser, authorizer: Authorizer): UserInfo {
  let first: ApiError | undefined;
  for (const mode of MODES) {
    if (!mode.applies(wanted, asked.user)) continue;
    const problem = modeProblem(mode, asked, wanted, authorizer);
    if (problem === undefined) return { ...wanted, groups: completedGroups(wanted.name, ownGroups(mode, wanted)) };
    first ??= problem;
  }
  throw first ?? forbiddenByAuthorizer(asked, '');
}

function modeProblem(mode: Mode, asked: Attributes, wanted: WantedUser, authorizer: Authorizer): ApiError | undefined {
  const constrainedMode = mode.onVerbPrefix !== '';
  if (constrainedMode) {
    const onRequest = refusal({ ...asked, verb: `${mode.onVerbPrefix}${asked.verb}` }, authorizer);
    if (onRequest !== undefined) return onRequest;
  }
  const ask = (resource: Parameters<typeof resourceAttributes>[2]): Attributes =>
    resourceAttributes(asked.user, mode.verb, resource);
  const apiGroup = constrainedMode ? AUTHENTICATION_GROUP : '';
  const name = refusal(ask({ apiGroup, ...nameResource(mode, wanted.name) }), authorizer);
  if (name !== undefined) return name;
  const forbidden = constrainedMode ? neverAllowed(wanted, ask) : undefined;
  if (forbidden !== undefined) return forbidden;
  const rest = [
    ...(wanted.uid === '' ? [] : [ask({ apiGroup: AUTHENTICATION_GROUP, resource: 'uids', name: wanted.uid })]),
    ...wanted.groups.map(group => ask({ apiGroup, resource: 'groups', name: group })),
    ...[...wanted.extra].flatMap(([subresource, values]) =>
      values.map(value => ask({ apiGroup: AUTHENTICATION_GROUP, resource: 'userextras', subresource, name: value })),
    ),
  ];
  for (const question of rest) {
    const problem = refusal(question, authorizer);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function refusal(question: Attributes, authorizer: Authorizer): ApiError | undefined {
  const decision = authorizer.authorize(question);
  return decision.kind === 'allow' ? undefined : forbiddenByAuthorizer(question, decision.reason);
}

/** What the constrained modes refuse whatever the rules say. */
function neverAllowed(
  { groups, extra }: WantedUser,
  ask: (resource: Parameters<typeof resourceAttributes>[2]) => Attributes,
): ApiError | undefined {
  const group = (name: string, because: string): ApiError =>
    forbiddenByAuthorizer(ask({ apiGroup: AUTHENTICATION_GROUP, resource: 'groups', name }), because);
  if (groups.includes('')) return group('', 'impersonating the empty string group is not allowed');
  if (groups.includes(GROUP_MASTERS))
    return group(GROUP_MASTERS, 'impersonating the system:masters group is not allowed');
  const extraQuestion = ask({ apiGroup: AUTHENTICATION_GROUP, resource: 'userextras' });
  for (const [key, values] of extra) {
    if (!isExtraKey(key))
      return forbiddenByAuthorizer(
        extraQuestion,
        `impersonating an invalid key in extra is not allowed: ${goQuote(key)}`,
      );
    if (values.includes(''))
      return forbiddenByAuthorizer(extraQuestion, 'impersonating the empty string value in extra is not allowed');
  }
  return undefined;
}

/** `example.com/path`, in lower case. */
function isExtraKey(key: string): boolean {
  const slash = key.indexOf('/');
  return (
    slash > 0 &&
    slash < key.length - 1 &&
    key === key.toLowerCase() &&
    dns1123Subdomain(key.slice(0, slash)).length === 0
  );
}

function nameResource(mode: Mode, name: string): Parameters<typeof resourceAttributes>[2] {
  const account = serviceAccountOf(name);
  if (account !== undefined) return { resource: 'serviceaccounts', namespace: account.namespace, name: account.name };
  const node = mode.onVerbPrefix === '' ? undefined : nodeName(name);
  if (node === undefined) return { resource: 'users', name };
  // The node is the one that the account runs on, so the rule need not name it.
  return { resource: 'nodes', name: mode.verb === 'impersonate:associated-node' ? '*' : node };
}

function ownGroups(mode: Mode, wanted: WantedUser): readonly string[] {
  if (wanted.groups.length > 0) return wanted.groups;
  const account = serviceAccountOf(wanted.name);
  if (account !== undefined) return serviceAccountGroups(account.namespace);
  return mode.onVerbPrefix !== '' && nodeName(wanted.name) !== undefined ? [GROUP_NODES] : [];
}

function isOnlyName({ groups, uid, extra }: WantedUser): boolean {
  return groups.length === 0 && uid === '' && extra.size === 0;
}

function nodeName(userName: string): string | undefined {
  const name = userName.startsWith(NODE_PREFIX) ? userName.slice(NODE_PREFIX.length) : '';
  return name === '' || dns1123Subdomain(name).length > 0 ? undefined : name;
}

/** True for the node that the pod of a service account's token runs on. */
function isNodeOfAccount(requestor: UserInfo, wantedName: string): boolean {
  const nodes = requestor.extra.get(EXTRA_NODE_NAME) ?? [];
  const node = nodeName(wantedName);
  return (
    node !== undefined && serviceAccountOf(requestor.name) !== undefined && nodes.length === 1 && nodes[0] === node
  );
}

/** Who is impersonated counts as authenticated, unless the groups say otherwise or it is the anonymous user. */
function completedGroups(name: string, groups: readonly string[]): readonly string[] {
  if (name === USER_ANONYMOUS)
    return groups.includes(GROUP_UNAUTHENTICATED) ? groups : [...groups, GROUP_UNAUTHENTICATED];
  return groups.includes(GROUP_AUTHENTICATED) || groups.includes(GROUP_UNAUTHENTICATED)
    ? groups
    : [...groups, GROUP_AUTHENTICATED];
}
