import type { ApiRequest } from '../http.ts';
import { ANONYMOUS, GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED, USER_ANONYMOUS, type UserInfo } from './user.ts';

/** What an authenticator makes of a request. A failed proof is told apart from none: it must not turn into an anonymous request. */
export type AuthenticationResult =
  | { readonly kind: 'user'; readonly user: UserInfo; readonly audiences: readonly string[] }
  | { readonly kind: 'none' }
  /** `because` is for the log. It never holds the proof itself, and the client is not told. */
  | { readonly kind: 'failed'; readonly because: string };

export interface RequestAuthenticator {
  readonly name: string;
  authenticate(request: ApiRequest, signal: AbortSignal): Promise<AuthenticationResult>;
}

/** Judges a bearer token; `audiences` is what the token must be meant for. */
export interface TokenAuthenticator {
  readonly name: string;
  authenticate(token: string, audiences: readonly string[], signal: AbortSignal): Promise<AuthenticationResult>;
}

export const NO_PROOF: AuthenticationResult = { kind: 'none' };

export function authenticated(user: UserInfo, audiences: readonly string[] = []): AuthenticationResult {
  return { kind: 'user', user, audiences };
}

export function authenticationFailed(because: string): AuthenticationResult {
  return { kind: 'failed', because };
}

/**
 * Asks one after another until one knows the user; a failure is kept and told only when none does. Users get the group
 * `system:authenticated`, unless they say of themselves whether they are.
 */
export function authenticatorUnion(authenticators: readonly RequestAuthenticator[]): RequestAuthenticator {
  return {
    name: 'union',
    async authenticate(request, signal) {
      const result = await firstUser(authenticators.map(each => () => each.authenticate(request, signal)));
      return result.kind === 'user' ? { ...result, user: withAuthenticatedGroup(result.user) } : result;
    },
  };
}

/** The same for tokens. */
export function tokenUnion(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    name: 'tokens',
    authenticate: (token, audiences, signal) =>
      firstUser(authenticators.map(each => () => each.authenticate(token, audiences, signal))),
  };
}

async function firstUser(asks: readonly (() => Promise<AuthenticationResult>)[]): Promise<AuthenticationResult> {
  const failures: string[] = [];
  for (const ask of asks) {
    const result = await ask();
    if (result.kind === 'user') return result;
    if (result.kind === 'failed') failures.push(result.because);
  }
  return failures.length === 0 ? NO_PROOF : authenticationFailed(failures.join('; '));
}

function withAuthenticatedGroup(user: UserInfo): UserInfo {
  const told = user.groups.includes(GROUP_AUTHENTICATED) || user.groups.includes(GROUP_UNAUTHENTICATED);
  return told || user.name === USER_ANONYMOUS ? user : { ...user, groups: [...user.groups, GROUP_AUTHENTICATED] };
}

/**
 * Lets who shows no proof in as `system:anonymous`, everywhere or on the paths given. Who shows one that fails stays out.
 */
export function withAnonymous(inner: RequestAuthenticator, paths?: ReadonlySet<string>): RequestAuthenticator {
  return {
    name: 'anonymous',
    async authenticate(request, signal) {
      const result = await inner.authenticate(request, signal);
      const allowed = paths === undefined || paths.has(request.path);
      return result.kind === 'none' && allowed ? authenticated(ANONYMOUS) : result;
    },
  };
}
