import { goQuote } from '../../api/go-quote.ts';
import { type FieldRequirement, parseFieldSelector } from '../../api/selectors/field-selector.ts';
import { type ApiError, forbiddenError } from '../../api/status.ts';
import type { UserInfo } from '../authn/user.ts';
import type { RequestInfo } from '../request-info.ts';

/** The question put to an authorizer: may this user do that? */
export interface Attributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResourceRequest: boolean;
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty at the cluster scope. */
  readonly namespace: string;
  readonly name: string;
  /** Of a request that is about no resource. */
  readonly path: string;
  /** What a list or watch restricts itself to; empty where it does not, or where the selector cannot be read. */
  readonly fieldRequirements: readonly FieldRequirement[];
}

/** The question that a request asks. */
export function requestAttributes(user: UserInfo, info: RequestInfo): Attributes {
  return {
    user,
    verb: info.verb,
    isResourceRequest: info.isResourceRequest,
    apiGroup: info.apiGroup,
    apiVersion: info.apiVersion,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    path: info.path,
    fieldRequirements: readableRequirements(info.fieldSelector),
  };
}

/** A question about a resource that no request asked: a review, an impersonation, an escalation. */
export function resourceAttributes(
  user: UserInfo,
  verb: string,
  resource: Partial<Omit<Attributes, 'user' | 'verb' | 'path' | 'isResourceRequest'>>,
): Attributes {
  return {
    user,
    verb,
    isResourceRequest: true,
    apiGroup: '',
    apiVersion: '*',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    path: '',
    fieldRequirements: [],
    ...resource,
  };
}

function readableRequirements(selector: string): readonly FieldRequirement[] {
  try {
    return selector === '' ? [] : parseFieldSelector(selector).requirements;
  } catch {
    return []; // narrows nothing, so it allows nothing
  }
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** 403 with upstream's sentence; `reason` is what the authorizers had to say, and may be empty. */
export function forbiddenByAuthorizer(attributes: Attributes, reason: string): ApiError {
  // A browser must not take a name for markup.
  const sentence = forbiddenSentence(attributes).replace(/[&<>]/g, char => HTML[char] ?? char);
  return forbiddenError(
    { group: attributes.apiGroup, resource: attributes.resource },
    attributes.name,
    reason === '' ? sentence : `${sentence}: ${reason}`,
  );
}

function forbiddenSentence(attributes: Attributes): string {
  const { user, verb, apiGroup, namespace } = attributes;
  const who = `User ${goQuote(user.name)} cannot ${verb}`;
  if (!attributes.isResourceRequest) return `${who} path ${goQuote(attributes.path)}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${goQuote(namespace)}`;
  return `${who} resource ${goQuote(combinedResource(attributes))} in API group ${goQuote(apiGroup)} ${scope}`;
}

/** `pods`, or `pods/log`. */
export function combinedResource(attributes: { readonly resource: string; readonly subresource: string }): string {
  return attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
}
