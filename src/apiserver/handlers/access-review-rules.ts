import type { SubjectAccessReview } from '../../api/types/gen/authorization-v1.ts';
import type { FieldSelectorRequirement, ObjectMeta } from '../../api/types/gen/meta-v1.ts';
import { addErrors, type FieldError, invalid, required } from '../../api/validation/field-error.ts';
import { internalForm, mapForm } from '../../api/validation/internal-form.ts';
import { validateLabelRequirement, validateRequirementValues } from '../../api/validation/label-selector.ts';

export type AccessReviewKind = 'SelfSubjectAccessReview' | 'SubjectAccessReview' | 'LocalSubjectAccessReview';

/** What is wrong with a question about access. What a server sets itself is taken out of its metadata before. */
export function validateAccessReview(kind: AccessReviewKind, { metadata, spec }: SubjectAccessReview): FieldError[] {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  const shownPath = internalForm('authorization/v1.NonResourceAttributes', path);
  const isLocal = kind === 'LocalSubjectAccessReview';
  const errors: FieldError[] = [];
  if (resource !== undefined && path !== undefined)
    errors.push(
      invalid('spec.nonResourceAttributes', shownPath, 'cannot be specified in combination with resourceAttributes'),
    );
  if (resource === undefined && path === undefined)
    errors.push(
      invalid(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  if (kind !== 'SelfSubjectAccessReview' && (spec.user ?? '') === '' && (spec.groups ?? []).length === 0)
    errors.push(invalid('spec.user', '', 'at least one of user or group must be specified'));
  addErrors(
    errors,
    selectorErrors(resource?.fieldSelector, 'fieldSelector', fieldRequirementErrors),
    selectorErrors(resource?.labelSelector, 'labelSelector', (requirement, at) =>
      validateLabelRequirement(requirement, at, { anyOperator: true }),
    ),
  );
  const shownMeta = metadataForm(metadata);
  if (Object.keys(shownMeta).some(name => !(isLocal && name === 'namespace')))
    errors.push(invalid('metadata', shownMeta, isLocal ? 'must be empty except for namespace' : 'must be empty'));
  if (!isLocal) return errors;
  const { namespace: asked = '' } = resource ?? {};
  if (resource !== undefined && asked !== (metadata.namespace ?? ''))
    errors.push(invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
  if (path !== undefined)
    errors.push(invalid('spec.nonResourceAttributes', shownPath, 'disallowed on this kind of request'));
  return errors;
}

/** Operators that are not known come from newer clients: they narrow a question, so it is answered without them. */
function selectorErrors<R>(
  selector: { readonly rawSelector?: string | undefined; readonly requirements?: readonly R[] | undefined } | undefined,
  name: string,
  requirementErrors: (requirement: R, at: string) => FieldError[],
): FieldError[] {
  if (selector === undefined) return [];
  const at = `spec.resourceAttributes.${name}`;
  const { rawSelector = '', requirements = [] } = selector;
  const errors: FieldError[] = [];
  if (rawSelector !== '' && requirements.length > 0)
    errors.push(invalid(`${at}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
  if (rawSelector === '' && requirements.length === 0)
    errors.push(required(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`));
  for (const [index, requirement] of requirements.entries())
    errors.push(...requirementErrors(requirement, `${at}.requirements[${index}]`));
  return errors;
}

function fieldRequirementErrors({ key, operator, values = [] }: FieldSelectorRequirement, at: string): FieldError[] {
  return [
    ...(key === '' ? [required(`${at}.key`, 'must be specified')] : []),
    ...validateRequirementValues(operator, values, at),
  ];
}

/** What there is of the metadata, as Go prints it. Managed fields are the server's. */
function metadataForm(metadata: ObjectMeta): object {
  const {
    name,
    generateName,
    namespace,
    resourceVersion,
    generation,
    labels,
    annotations,
    ownerReferences,
    finalizers,
  } = metadata;
  const all = {
    name,
    generateName,
    namespace,
    resourceVersion,
    generation,
    labels: labels === undefined || Object.keys(labels).length === 0 ? undefined : mapForm(labels),
    annotations: annotations === undefined || Object.keys(annotations).length === 0 ? undefined : mapForm(annotations),
    ownerReferences: ownerReferences?.length === 0 ? undefined : ownerReferences,
    finalizers: finalizers?.length === 0 ? undefined : finalizers,
  };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined && value !== '' && value !== 0),
  );
}
