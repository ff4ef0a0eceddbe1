import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '../types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor, required } from './field-error.ts';
import { dns1123Subdomain, labelValue, qualifiedName } from './names.ts';

/** Which nodes will do. `anyValue`: values need not be values of labels, as it was allowed once. */
export function validateNodeSelector(selector: NodeSelector, anyValue: boolean, path: string): FieldError[] {
  const at = `${path}.nodeSelectorTerms`;
  if (selector.nodeSelectorTerms.length === 0) return [required(at, 'must have at least one node selector term')];
  return selector.nodeSelectorTerms.flatMap((term, index) =>
    validateNodeSelectorTerm(term, anyValue, `${at}[${index}]`),
  );
}

export function validateNodeSelectorTerm(term: NodeSelectorTerm, anyValue: boolean, path: string): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, index) =>
      byLabel(requirement, anyValue, `${path}.matchExpressions[${index}]`),
    ),
    ...(term.matchFields ?? []).flatMap((requirement, index) => byField(requirement, `${path}.matchFields[${index}]`)),
  ];
}

function byLabel(requirement: NodeSelectorRequirement, anyValue: boolean, path: string): FieldError[] {
  const { key, operator, values = [] } = requirement;
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      errors.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1)
      errors.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  } else errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  errors.push(...invalidFor(`${path}.key`, key, qualifiedName(key)));
  if (!anyValue)
    for (const [index, value] of values.entries())
      errors.push(...invalidFor(`${path}.values[${index}]`, value, labelValue(value)));
  return errors;
}

function byField({ key, operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  else if (values.length !== 1)
    errors.push(
      required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
    );
  if (key !== 'metadata.name') return [...errors, invalid(`${path}.key`, key, 'not a valid field selector key')];
  for (const [index, value] of values.entries())
    errors.push(...invalidFor(`${path}.values[${index}]`, value, dns1123Subdomain(value)));
  return errors;
}

/** True where a value of the terms could not be a label's. */
export function hasInvalidValue(terms: readonly NodeSelectorTerm[]): boolean {
  return terms.some(term =>
    (term.matchExpressions ?? []).some(({ values }) => (values ?? []).some(value => labelValue(value).length > 0)),
  );
}
