import { type FieldRequirement, parseFieldSelector } from '../../api/selectors/field-selector.ts';
import { labelSelectorOf, parseLabelSelector } from '../../api/selectors/label-selector.ts';
import { SelectorSyntaxError } from '../../api/selectors/selector-syntax-error.ts';
import { badRequestError, invalidError } from '../../api/status.ts';
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
} from '../../api/types/gen/authorization-v1.ts';
import type { ObjectMeta } from '../../api/types/gen/meta-v1.ts';
import { type UserInfo, userInfo } from '../authn/user.ts';
import { type Attributes, resourceAttributes } from '../authz/attributes.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { type AccessReviewKind, validateAccessReview } from './access-review-rules.ts';
import type { HandlerContext } from './handler-context.ts';

/** The answer to a question about access. Throws 422 where it is none, and 400 where it is about another namespace than the path. */
export function answerAccessReview(
  handlers: HandlerContext,
  sent: SubjectAccessReview,
  kind: AccessReviewKind,
  context: RequestContext,
): LocalSubjectAccessReview {
  const review = { ...sent, metadata: metadataOf(sent.metadata, kind, context.info.namespace) };
  const { spec } = review;
  const errors = validateAccessReview(kind, review);
  if (errors.length > 0) throw invalidError({ group: 'authorization.k8s.io', kind }, '', errors);
  const user =
    kind === 'SelfSubjectAccessReview'
      ? context.user
      : userInfo(spec.user ?? '', spec.groups ?? [], {
          uid: spec.uid ?? '',
          extra: new Map(Object.entries(spec.extra ?? {})),
        });
  const { resourceAttributes: resource } = spec;
  const fields = fieldRequirements(resource?.fieldSelector);
  const attributes =
    resource === undefined
      ? pathAttributes(user, spec.nonResourceAttributes ?? {})
      : ofResource(user, resource, fields.requirements);
  const { kind: opinion, reason } = handlers.authorizer.authorize(attributes);
  const ignored = [
    ignoredText('fieldSelector', fields.read),
    ignoredText('labelSelector', labelsRead(resource?.labelSelector)),
  ];
  const evaluationError = ignored.filter(text => text !== '').join('; ');
  return {
    ...review,
    status: {
      allowed: opinion === 'allow',
      ...(opinion === 'deny' ? { denied: true } : {}),
      ...(reason === '' ? {} : { reason }),
      ...(evaluationError === '' ? {} : { evaluationError }),
    },
  };
}

/** As of every object that is made: what the server sets is not the client's, and the namespace is that of the path. */
function metadataOf(sent: ObjectMeta, kind: AccessReviewKind, namespace: string): ObjectMeta {
  const {
    uid: _uid,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    selfLink: _link,
    namespace: said = '',
    ...metadata
  } = sent;
  if (kind !== 'LocalSubjectAccessReview') return metadata;
  if (said !== '' && said !== namespace)
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
  return { ...metadata, namespace };
}

function ofResource(user: UserInfo, asked: ResourceAttributes, fields: readonly FieldRequirement[]): Attributes {
  return resourceAttributes(user, asked.verb ?? '', {
    apiGroup: asked.group ?? '',
    apiVersion: asked.version ?? '',
    resource: asked.resource ?? '',
    subresource: asked.subresource ?? '',
    namespace: asked.namespace ?? '',
    name: asked.name ?? '',
    fieldRequirements: fields,
  });
}

function pathAttributes(user: UserInfo, asked: NonResourceAttributes): Attributes {
  return { ...resourceAttributes(user, asked.verb ?? '', {}), isResourceRequest: false, path: asked.path ?? '' };
}

/** How much of a selector could be read. What cannot be is left out: the question is a wider one then. */
type Read = 'all' | 'some' | 'none';

function ignoredText(name: string, read: Read): string {
  if (read === 'all') return '';
  return `spec.resourceAttributes.${name} ${read === 'some' ? 'partially ' : ''}ignored due to parse error`;
}

function fieldRequirements(selector: FieldSelectorAttributes | undefined): {
  readonly requirements: readonly FieldRequirement[];
  readonly read: Read;
} {
  const { rawSelector = '', requirements = [] } = selector ?? {};
  if (rawSelector !== '') {
    const parsed = ifReadable(() => parseFieldSelector(rawSelector).requirements);
    return { requirements: parsed ?? [], read: parsed === undefined ? 'none' : 'all' };
  }
  const found = requirements.flatMap(({ key, operator, values = [] }): FieldRequirement[] => {
    const [value, ...more] = values;
    if (value === undefined || more.length > 0 || !['In', 'NotIn'].includes(operator)) return [];
    return [{ field: key, operator: operator === 'In' ? '=' : '!=', value }];
  });
  return { requirements: found, read: readOf(found.length, requirements.length) };
}

function labelsRead(selector: LabelSelectorAttributes | undefined): Read {
  const { rawSelector = '', requirements = [] } = selector ?? {};
  if (rawSelector !== '') return ifReadable(() => parseLabelSelector(rawSelector)) === undefined ? 'none' : 'all';
  const readable = requirements.filter(
    each => ifReadable(() => labelSelectorOf({ matchExpressions: [each] })) !== undefined,
  );
  return readOf(readable.length, requirements.length);
}

function readOf(read: number, all: number): Read {
  return read === all ? 'all' : read > 0 ? 'some' : 'none';
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SelectorSyntaxError)) throw error;
    return undefined;
  }
}
