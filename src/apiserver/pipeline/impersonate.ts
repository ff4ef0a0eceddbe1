import type { Logger } from '../../daemon/logger.ts';
import { isImpersonationHeader, wantedUser } from '../authn/impersonation.ts';
import { impersonatedUser } from '../authn/impersonation-modes.ts';
import { requestAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Filter } from './context.ts';

/** Lets a request be taken for another user's, where every part of that is allowed to who sent it. */
export function impersonateFilter(authorizer: Authorizer, log: Logger): Filter {
  return {
    name: 'impersonate',
    async handle(context, next) {
      const { request } = context;
      const wanted = wantedUser(request.headers);
      if (wanted === undefined) return next(context);
      const user = impersonatedUser(requestAttributes(context.user, context.info), wanted, authorizer);
      log.info({ user: context.user.name, impersonates: user.name, auditId: context.auditId }, 'impersonation');
      const headers = request.headers.without(isImpersonationHeader);
      return next({ ...context, request: { ...request, headers }, user });
    },
  };
}
