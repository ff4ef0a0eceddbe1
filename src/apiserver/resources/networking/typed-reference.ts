import { type FieldError, invalidFor, required } from '../../../api/validation/field-error.ts';
import { dns1123Subdomain, pathSegmentName } from '../../../api/validation/names.ts';

/** A reference to an object of any kind: its group, where one is given, kind and name. */
export function validateTypedReference(
  reference: { readonly apiGroup?: string | undefined; readonly kind: string; readonly name: string },
  path: string,
): FieldError[] {
  const { apiGroup, kind, name } = reference;
  const segment = (value: string, at: string): FieldError[] =>
    value === '' ? [required(at)] : invalidFor(at, value, pathSegmentName(value));
  return [
    ...(apiGroup === undefined ? [] : invalidFor(`${path}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup))),
    ...segment(kind, `${path}.kind`),
    ...segment(name, `${path}.name`),
  ];
}
