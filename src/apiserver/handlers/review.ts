import { resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { badRequestError, unknownResourceError } from '../../api/status.ts';
import { timeOf } from '../../api/time.ts';
import type { SelfSubjectReview, TokenReview } from '../../api/types/gen/authentication-v1.ts';
import type { SelfSubjectRulesReview, SubjectAccessReview } from '../../api/types/gen/authorization-v1.ts';
import { authenticatorUnion } from '../authn/authenticator.ts';
import type { UserInfo } from '../authn/user.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { answerAccessReview } from './access-review.ts';
import type { HandlerContext } from './handler-context.ts';
import { readObject } from './read-body.ts';
import { plainResponse } from './represent.ts';

/** POST of a review: a question that is answered and not stored. */
export async function answerReview(
  handlers: HandlerContext,
  resource: ApiResource,
  context: RequestContext,
): Promise<ApiResponse> {
  const { kind, group, version } = resource;
  const type = resourceType(resource);
  const body = { type, apiVersion: `${group}/${version}`, kind };
  switch (kind) {
    case 'SelfSubjectReview': {
      const { apiVersion } = await readObject<SelfSubjectReview>(handlers, context, body);
      const metadata = { creationTimestamp: timeOf(handlers.clock.now()) };
      const review = { kind, apiVersion, metadata, status: { userInfo: shownUser(context.user) } };
      return plainResponse(context, type, review, 201);
    }
    case 'TokenReview':
      return plainResponse(
        context,
        type,
        await reviewToken(handlers, await readObject(handlers, context, body), context),
        201,
      );
    case 'SelfSubjectRulesReview': {
      const review = await readObject<SelfSubjectRulesReview>(handlers, context, body);
      return plainResponse(context, type, rulesOf(handlers, review, context), 201);
    }
    case 'SelfSubjectAccessReview':
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview': {
      const review = await readObject<SubjectAccessReview>(handlers, context, body);
      return plainResponse(context, type, answerAccessReview(handlers, review, kind, context), 201);
    }
    default:
      throw unknownResourceError();
  }
}

function rulesOf(
  handlers: HandlerContext,
  review: SelfSubjectRulesReview,
  context: RequestContext,
): SelfSubjectRulesReview {
  const { kind, apiVersion, spec } = review;
  const namespace = spec.namespace ?? '';
  if (namespace === '') throw badRequestError('no namespace on request');
  const { rules, incomplete, errors } = handlers.authorizer.rulesFor(context.user, namespace);
  return {
    kind,
    apiVersion,
    metadata: {},
    spec: {},
    status: {
      resourceRules: rules
        .filter(rule => (rule.resources ?? []).length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
      nonResourceRules: rules
        .filter(rule => (rule.nonResourceURLs ?? []).length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete,
      ...(errors.length === 0 ? {} : { evaluationError: errors.join(', ') }),
    },
  };
}

async function reviewToken(
  handlers: HandlerContext,
  review: TokenReview,
  context: RequestContext,
): Promise<TokenReview> {
  const token = review.spec.token ?? '';
  if (token === '') throw badRequestError('token is required for TokenReview in authentication');
  const wanted = review.spec.audiences ?? [];
  const audiences = wanted.length > 0 ? wanted : handlers.tokens.audiences;
  // the union gives the user the groups that a request with this token would have
  const union = authenticatorUnion([
    {
      name: 'review',
      authenticate: (_, signal) => handlers.tokenAuthenticator.authenticate(token, audiences, signal),
    },
  ]);
  const result = await union.authenticate(context.request, context.signal);
  const spec = { ...review.spec, token: '' };
  if (result.kind !== 'user')
    return {
      ...review,
      spec,
      status: { user: {}, error: result.kind === 'failed' ? result.because : 'invalid bearer token' },
    };
  return {
    ...review,
    spec,
    status: { authenticated: true, user: shownUser(result.user), audiences: result.audiences },
  };
}

function shownUser(user: UserInfo) {
  return {
    username: user.name,
    ...(user.uid === '' ? {} : { uid: user.uid }),
    groups: user.groups,
    ...(user.extra.size === 0 ? {} : { extra: Object.fromEntries(user.extra) }),
  };
}
