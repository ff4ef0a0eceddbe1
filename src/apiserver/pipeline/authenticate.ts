import { unauthorizedError } from '../../api/status.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { RequestAuthenticator } from '../authn/authenticator.ts';
import { isAnonymous } from '../authn/user.ts';
import { type ObjectWriter, statusResponse } from '../status/status-response.ts';
import type { Filter } from './context.ts';

/** Headers that prove or claim who the client is: what comes behind must not see them. */
function isCredential(name: string): boolean {
  return name === 'authorization' || /^x-remote-(user|uid|group|extra-.*)$/.test(name);
}

/**
 * Finds out who asks; 401 without a word of why, which only the log has. Over HTTP/2, where one connection can ask very much, clients that nobody knows
 * get one answer per connection.
 */
export function authenticateFilter(
  authenticator: RequestAuthenticator,
  writers: readonly ObjectWriter[],
  log: Logger,
): Filter {
  return {
    name: 'authenticate',
    async handle(context, next) {
      const { request } = context;
      const closes = request.httpVersion === 2 ? { closeConnection: true } : {};
      // A client whose certificate is refused may have a better one by now, which it can only show in another handshake.
      const refused = request.clientCertificate?.verified === false ? { closeConnection: true } : closes;
      const result = await authenticator.authenticate(request, context.signal);
      if (result.kind !== 'user') {
        const because = result.kind === 'failed' ? result.because : 'no proof was shown';
        log.info(
          { because, remoteAddress: request.remoteAddress, auditId: context.auditId },
          'a request is not authenticated',
        );
        return { ...statusResponse(unauthorizedError().toStatus(), request, writers), ...refused };
      }
      const headers = request.headers.without(isCredential);
      const response = await next({ ...context, request: { ...request, headers }, user: result.user });
      return isAnonymous(result.user) ? { ...response, ...closes } : response;
    },
  };
}
