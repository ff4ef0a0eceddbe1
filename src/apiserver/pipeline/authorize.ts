import { forbiddenByAuthorizer, requestAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Filter } from './context.ts';

/** Lets through what an authorizer allows; 403 with upstream's sentence for the rest. */
export function authorizeFilter(authorizer: Authorizer): Filter {
  return {
    name: 'authorize',
    async handle(context, next) {
      const attributes = requestAttributes(context.user, context.info);
      const decision = authorizer.authorize(attributes);
      if (decision.kind !== 'allow') throw forbiddenByAuthorizer(attributes, decision.reason);
      return next(context);
    },
  };
}
