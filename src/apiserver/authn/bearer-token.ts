import { authenticationFailed, NO_PROOF, type RequestAuthenticator, type TokenAuthenticator } from './authenticator.ts';

/** The token of an Authorization header, undefined where there is none. */
export function bearerToken(header: string): string | undefined {
  const [scheme = '', token = ''] = header.trim().split(' ', 3);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}

/** Reads `Authorization: Bearer …`. A token that no authenticator knows is a failure, not the absence of one. */
export function bearerTokenAuthenticator(
  tokens: TokenAuthenticator,
  audiences: readonly string[],
): RequestAuthenticator {
  return {
    name: 'bearer-token',
    async authenticate(request, signal) {
      const token = bearerToken(request.headers.get('authorization'));
      if (token === undefined) return NO_PROOF;
      const result = await tokens.authenticate(token, audiences, signal);
      return result.kind === 'none' ? authenticationFailed('invalid bearer token') : result;
    },
  };
}
