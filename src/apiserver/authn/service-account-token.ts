import type { KeyObject } from 'node:crypto';
import { goQuoteList } from '../../api/go-quote.ts';
import type { Clock } from '../../base/clock.ts';
import { sha256Hex } from '../../base/hash.ts';
import { keyId } from '../../pki/keys.ts';
import { authenticated, authenticationFailed, NO_PROOF, type TokenAuthenticator } from './authenticator.ts';
import { parseJwt, type UnverifiedJwt, verifyJwt } from './jwt.ts';
import {
  type ObjectReference,
  type ReadServiceAccountClaims,
  readServiceAccountClaims,
} from './service-account-claims.ts';
import { EXTRA_CREDENTIAL_ID, serviceAccountGroups, serviceAccountUserName, userInfo } from './user.ts';

/** As much of an object as a token is bound to. */
export interface BoundObject {
  readonly metadata: { readonly uid?: string | undefined; readonly deletionTimestamp?: string | undefined };
}

/** Looks objects up, the freshest there are: a token may be seconds old. Undefined for what does not exist. */
export interface BoundObjects {
  serviceAccount(namespace: string, name: string, signal: AbortSignal): Promise<BoundObject | undefined>;
  secret(namespace: string, name: string, signal: AbortSignal): Promise<BoundObject | undefined>;
  pod(namespace: string, name: string, signal: AbortSignal): Promise<BoundObject | undefined>;
  node(name: string, signal: AbortSignal): Promise<BoundObject | undefined>;
}

export interface ServiceAccountTokenOptions {
  /** Issuers whose tokens are taken; the first is the one that signs new ones. */
  readonly issuers: readonly string[];
  /** The current key and those that it replaced. */
  readonly publicKeys: readonly KeyObject[];
  readonly objects: BoundObjects;
  readonly clock: Clock;
}

/** How far the clocks of issuer and server may differ, and how long a deletion takes to end a token (upstream's figure). */
const LEEWAY_SECONDS = 60;

/** A signature that was checked is not checked again while the token is in use; a verification costs a tenth of a millisecond. */
const VERIFIED_TOKENS_KEPT = 4096;

/**
 * Tokens of service accounts: signed by one of our keys, in their time, for one of the audiences asked for, and bound to objects that still exist
 * under the same UID. Tokens of other issuers are nobody's business here.
 */
export function serviceAccountTokenAuthenticator(options: ServiceAccountTokenOptions): TokenAuthenticator {
  const issuers = new Set(options.issuers);
  const keys = options.publicKeys.map(key => ({ kid: keyId(key), key }));
  const verified = new Map<string, ReadServiceAccountClaims>();

  const verify = (token: string, jwt: UnverifiedJwt): ReadServiceAccountClaims | undefined => {
    const digest = sha256Hex(token);
    const known = verified.get(digest);
    if (known !== undefined) return known;
    const named = keys.filter(({ kid }) => jwt.header.kid === '' || jwt.header.kid === kid);
    if (!named.some(({ key }) => verifyJwt(jwt, key))) return undefined;
    const claims = readServiceAccountClaims(jwt.claims);
    if (verified.size >= VERIFIED_TOKENS_KEPT) verified.delete(verified.keys().next().value ?? '');
    verified.set(digest, claims);
    return claims;
  };

  return {
    name: 'service-account-token',
    async authenticate(token, wanted, signal) {
      const jwt = parseJwt(token);
      if (jwt === undefined || !issuers.has(readServiceAccountClaims(jwt.claims).issuer)) return NO_PROOF;
      const claims = verify(token, jwt);
      if (claims === undefined) return authenticationFailed('the token is not signed by a key of this cluster');
      const audiences = claims.audiences.filter(audience => wanted.includes(audience));
      if (audiences.length === 0)
        return authenticationFailed(
          `token audiences ${goQuoteList(claims.audiences)} is invalid for the target audiences ${goQuoteList(wanted)}`,
        );
      const now = options.clock.now() / 1000;
      const problem = timeProblem(claims, now) ?? (await bindingProblem(claims, options.objects, now, signal));
      return problem === undefined ? authenticated(tokenUser(claims), audiences) : authenticationFailed(problem);
    },
  };
}

function timeProblem(claims: ReadServiceAccountClaims, now: number): string | undefined {
  if (claims.expiresAt === undefined || now - LEEWAY_SECONDS > claims.expiresAt)
    return 'service account token has expired';
  if (claims.notBefore !== undefined && now + LEEWAY_SECONDS < claims.notBefore)
    return 'service account token is not valid yet';
  if (claims.issuedAt !== undefined && now + LEEWAY_SECONDS < claims.issuedAt)
    return 'service account token is issued in the future';
  return undefined;
}

async function bindingProblem(
  claims: ReadServiceAccountClaims,
  objects: BoundObjects,
  now: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { namespace, serviceAccount, secret, pod, node } = claims;
  const account = await objects.serviceAccount(namespace, serviceAccount.name, signal);
  const gone = (kind: string, wanted: ObjectReference, found: BoundObject | undefined): string | undefined => {
    if (found === undefined) return `service account token has been invalidated: ${kind} ${wanted.name} does not exist`;
    if (found.metadata.uid !== wanted.uid)
      return `${kind} UID (${found.metadata.uid ?? ''}) does not match service account ${kind} ref claim (${wanted.uid})`;
    return isLongDeleted(found, now)
      ? `service account token has been invalidated: ${kind} ${wanted.name} is being deleted`
      : undefined;
  };
  const problem = gone('serviceaccount', serviceAccount, account);
  if (problem !== undefined) return problem;
  if (secret !== undefined) return gone('secret', secret, await objects.secret(namespace, secret.name, signal));
  // The node of a pod's token is only told, not checked: the pod stands for it.
  if (pod !== undefined) return gone('pod', pod, await objects.pod(namespace, pod.name, signal));
  if (node !== undefined) return gone('node', node, await objects.node(node.name, signal));
  return undefined;
}

function isLongDeleted(object: BoundObject, now: number): boolean {
  const { deletionTimestamp } = object.metadata;
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) / 1000 < now - LEEWAY_SECONDS;
}

function tokenUser(claims: ReadServiceAccountClaims): ReturnType<typeof userInfo> {
  const { namespace, serviceAccount, pod, node } = claims;
  const extra = new Map<string, readonly string[]>();
  const tell = (key: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') extra.set(`authentication.kubernetes.io/${key}`, [value]);
  };
  tell('pod-name', pod?.name);
  tell('pod-uid', pod?.uid);
  tell('node-name', node?.name);
  tell('node-uid', node?.uid);
  if (claims.id !== '') extra.set(EXTRA_CREDENTIAL_ID, [`JTI=${claims.id}`]);
  return userInfo(serviceAccountUserName(namespace, serviceAccount.name), serviceAccountGroups(namespace), {
    uid: serviceAccount.uid,
    extra,
  });
}
