import { resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { badRequestError, invalidError, unknownResourceError } from '../../api/status.ts';
import type { SelfSubjectReview, TokenReview } from '../../api/types/gen/authentication-v1.ts';
import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '../../api/types/gen/authorization-v1.ts';
import { type FieldError, invalid } from '../../api/validation/field-error.ts';
import { authenticatorUnion } from '../authn/authenticator.ts';
import { type UserInfo, userInfo } from '../authn/user.ts';
import { type Attributes, resourceAttributes } from '../authz/attributes.ts';
import type { ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
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
      const review = await readObject<SelfSubjectReview>(context, body);
      const status = { userInfo: shownUser(context.user) };
      return plainResponse(context, type, { ...review, status }, 201);
    }
    case 'TokenReview':
      return plainResponse(context, type, await reviewToken(handlers, await readObject(context, body), context), 201);
    case 'SelfSubjectRulesReview': {
      const review = await readObject<SelfSubjectRulesReview>(context, body);
      return plainResponse(context, type, rulesOf(handlers, review, context), 201);
    }
    case 'SelfSubjectAccessReview':
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview': {
      const review = await readObject<SubjectAccessReview>(context, body);
      return plainResponse(context, type, decide(handlers, review, kind, context), 201);
    }
    default:
      throw unknownResourceError();
  }
}

function decide(
  handlers: HandlerContext,
  review: SubjectAccessReview,
  kind: string,
  context: RequestContext,
): LocalSubjectAccessReview {
  const { spec } = review;
  const groupKind = { group: 'authorization.k8s.io', kind };
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  const isSelf = kind === 'SelfSubjectAccessReview';
  const { namespace } = context.info;
  const errors: FieldError[] = [];
  if (resource !== undefined && path !== undefined)
    errors.push(
      invalid('spec.nonResourceAttributes', path, 'cannot be specified in combination with resourceAttributes'),
    );
  if (resource === undefined && path === undefined)
    errors.push(
      invalid(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  if (!isSelf && (spec.user ?? '') === '' && (spec.groups ?? []).length === 0)
    errors.push(invalid('spec.user', '', 'at least one of user or group must be specified'));
  if (kind === 'LocalSubjectAccessReview') {
    const { namespace: asked = '' } = resource ?? {};
    if (resource !== undefined && asked !== namespace)
      errors.push(invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
    if (path !== undefined)
      errors.push(invalid('spec.nonResourceAttributes', path, 'disallowed on this kind of request'));
  }
  if (errors.length > 0) throw invalidError(groupKind, '', errors);
  const user = isSelf
    ? context.user
    : userInfo(spec.user ?? '', spec.groups ?? [], {
        uid: spec.uid ?? '',
        extra: new Map(Object.entries(spec.extra ?? {})),
      });
  const attributes = resource === undefined ? pathAttributes(user, path ?? {}) : ofResource(user, resource);
  const { kind: opinion, reason } = handlers.authorizer.authorize(attributes);
  return {
    ...review,
    status: {
      allowed: opinion === 'allow',
      ...(opinion === 'deny' ? { denied: true } : {}),
      ...(reason === '' ? {} : { reason }),
    },
  };
}

function ofResource(user: UserInfo, asked: ResourceAttributes): Attributes {
  return resourceAttributes(user, asked.verb ?? '', {
    apiGroup: asked.group ?? '',
    apiVersion: asked.version ?? '',
    resource: asked.resource ?? '',
    subresource: asked.subresource ?? '',
    namespace: asked.namespace ?? '',
    name: asked.name ?? '',
  });
}

function pathAttributes(user: UserInfo, asked: NonResourceAttributes): Attributes {
  return { ...resourceAttributes(user, asked.verb ?? '', {}), isResourceRequest: false, path: asked.path ?? '' };
}

function rulesOf(
  handlers: HandlerContext,
  review: SelfSubjectRulesReview,
  context: RequestContext,
): SelfSubjectRulesReview {
  const namespace = review.spec.namespace ?? '';
  if (namespace === '') throw badRequestError('no namespace on request');
  const { rules, incomplete, errors } = handlers.authorizer.rulesFor(context.user, namespace);
  return {
    ...review,
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
