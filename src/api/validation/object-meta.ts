import { encodeObject } from '../encode/encode-object.ts';
import { builtinTable } from '../schema/builtin.ts';
import type { ObjectMeta, OwnerReference } from '../types/gen/meta-v1.ts';
import { addErrors, type FieldError, forbidden, invalid, invalidFor, required, tooLong } from './field-error.ts';
import { validateManagedFields } from './managed-fields.ts';
import { asPrefix, dns1123Label, labelValue, qualifiedName } from './names.ts';

/** All annotations of an object together: 256 KiB. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

/** The rules of metadata. `nameReasons` is the format of the kind's names. */
export function validateObjectMeta(
  meta: ObjectMeta,
  options: { readonly namespaced: boolean; readonly nameReasons: (name: string) => string[] },
  path = 'metadata',
): FieldError[] {
  const { name = '', generateName = '', namespace = '' } = meta;
  const errors: FieldError[] = [];
  if (generateName !== '')
    errors.push(...invalidFor(`${path}.generateName`, generateName, options.nameReasons(asPrefix(generateName))));
  if (name !== '') errors.push(...invalidFor(`${path}.name`, name, options.nameReasons(name)));
  else if (generateName === '') errors.push(required(`${path}.name`, 'name or generateName is required'));
  if (!options.namespaced) {
    if (namespace !== '') errors.push(forbidden(`${path}.namespace`, 'not allowed on this type'));
  } else if (namespace === '') errors.push(required(`${path}.namespace`));
  else errors.push(...invalidFor(`${path}.namespace`, namespace, dns1123Label(namespace)));
  if ((meta.generation ?? 0) < 0)
    errors.push(invalid(`${path}.generation`, meta.generation, 'must be greater than or equal to 0'));
  addErrors(errors, validateLabels(meta.labels, `${path}.labels`));
  addErrors(errors, validateAnnotations(meta.annotations, `${path}.annotations`));
  addErrors(errors, validateOwners(meta.ownerReferences ?? [], `${path}.ownerReferences`));
  const finalizers = meta.finalizers ?? [];
  for (const finalizer of finalizers)
    errors.push(...invalidFor(`${path}.finalizers`, finalizer, qualifiedName(finalizer)));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    errors.push(
      invalid(`${path}.finalizers`, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'),
    );
  addErrors(errors, validateManagedFields(meta.managedFields, `${path}.managedFields`));
  return errors;
}

const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** A finalizer is one of Kubernetes' own, or under a domain. */
export function finalizerNameErrors(finalizer: string, path: string): FieldError[] {
  return finalizer.includes('/') || STANDARD_FINALIZERS.includes(finalizer)
    ? []
    : [invalid(path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')];
}

/** The finalizers of metadata by that rule. */
export function validateFinalizerNames(meta: ObjectMeta, path: string): FieldError[] {
  return (meta.finalizers ?? []).flatMap((finalizer, index) =>
    finalizerNameErrors(finalizer, `${path}.finalizers[${index}]`),
  );
}

/** With its fields in the order in which Go prints them. */
function shownOwner(owner: OwnerReference): object {
  return encodeObject(builtinTable.struct('meta/v1.OwnerReference'), owner);
}

function validateOwners(owners: readonly OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller = '';
  let shown: readonly object[] | undefined;
  for (const owner of owners) {
    // Upstream names the list, not the place in it.
    if (owner.apiVersion === '' || owner.apiVersion.endsWith('/'))
      errors.push(invalid(`${path}.apiVersion`, owner.apiVersion, 'version must not be empty'));
    for (const key of ['kind', 'name', 'uid'] as const)
      if (owner[key] === '') errors.push(invalid(`${path}.${key}`, '', 'must not be empty'));
    if (owner.apiVersion === 'v1' && owner.kind === 'Event')
      errors.push(invalid(path, shownOwner(owner), '/v1, Kind=Event is disallowed from being an owner'));
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === '') {
      controller = name;
      continue;
    }
    // Each error shows the whole list: made once, for a list of a thousand has nearly as many errors.
    shown ??= owners.map(shownOwner);
    errors.push(
      invalid(
        path,
        shown,
        `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
      ),
    );
  }
  return errors;
}

export function validateLabels(labels: { readonly [key: string]: string } | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...invalidFor(path, key, qualifiedName(key)),
    ...invalidFor(path, value, labelValue(value)),
  ]);
}

export function validateAnnotations(
  annotations: { readonly [key: string]: string } | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...invalidFor(path, key, qualifiedName(key.toLowerCase())));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(path, MAX_ANNOTATION_BYTES));
  return errors;
}
