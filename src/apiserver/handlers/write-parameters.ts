import { isPrintable } from '../../api/go-quote.ts';
import { invalidError } from '../../api/status.ts';
import type { DeleteOptions } from '../../api/types/gen/meta-v1.ts';
import { type FieldError, forbidden, invalid, notSupported, tooLong } from '../../api/validation/field-error.ts';

/** The type that upstream reads the parameters of a write into; its refusals name it. */
export type WriteParametersKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

/** Upstream's limit of the name under which fields are managed. */
const MAX_FIELD_MANAGER_BYTES = 128;
const FIELD_VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];
/** The option to delete what cannot be decoded, and what makes no sense beside it. */
const UNREADABLE = 'ignoreStoreReadErrorWithClusterBreakingPotential';
const EXCLUDED = ['dryRun', 'propagationPolicy', 'orphanDependents', 'gracePeriodSeconds', 'preconditions'] as const;
const PROPAGATION_POLICIES = ['Foreground', 'Background', 'Orphan', 'nil'];

/** Checks the query of a write and says whether it is a dry run. Throws 422 in upstream's words. */
export function checkWriteParameters(kind: WriteParametersKind, query: URLSearchParams): { readonly dryRun: boolean } {
  const dryRun = query.getAll('dryRun');
  const validation = query.get('fieldValidation') ?? '';
  const manages = kind !== 'DeleteOptions';
  refuse(kind, [
    ...(kind === 'PatchOptions' && query.has('force')
      ? [forbidden('force', 'may not be specified for non-apply patch')]
      : []),
    ...(manages ? fieldManagerErrors(query.get('fieldManager') ?? '') : []),
    ...dryRunErrors(dryRun),
    ...(manages && !FIELD_VALIDATIONS.includes(validation)
      ? [notSupported('fieldValidation', validation, FIELD_VALIDATIONS)]
      : []),
  ]);
  return { dryRun: dryRun.includes('All') };
}

/** The same for the options of a deletion. */
export function checkDeleteOptions(options: DeleteOptions): { readonly dryRun: boolean } {
  const { orphanDependents, propagationPolicy: policy, dryRun = [] } = options;
  const both = 'orphanDependents and deletionPropagation cannot be both set';
  refuse('DeleteOptions', [
    ...(orphanDependents !== undefined && policy !== undefined ? [invalid('propagationPolicy', policy, both)] : []),
    ...(policy !== undefined && !PROPAGATION_POLICIES.slice(0, 3).includes(policy)
      ? [notSupported('propagationPolicy', policy, PROPAGATION_POLICIES)]
      : []),
    ...dryRunErrors(dryRun),
    ...(options[UNREADABLE] === true ? EXCLUDED.flatMap(other => excluded(options, other)) : []),
  ]);
  return { dryRun: dryRun.includes('All') };
}

function excluded(options: DeleteOptions, other: (typeof EXCLUDED)[number]): FieldError[] {
  const value = options[other];
  const isSet = Array.isArray(value) ? value.length > 0 : value !== undefined;
  return isSet ? [invalid(UNREADABLE, true, `cannot be set together with .${other}`)] : [];
}

function refuse(kind: WriteParametersKind, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', kind }, '', errors);
}

function dryRunErrors(values: readonly string[]): FieldError[] {
  return values.every(value => value === 'All') ? [] : [notSupported('dryRun', values, ['All'])];
}

function fieldManagerErrors(name: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(name) > MAX_FIELD_MANAGER_BYTES) errors.push(tooLong('fieldManager', MAX_FIELD_MANAGER_BYTES));
  let at = 0;
  for (const char of name) {
    if (!isPrintable(char))
      errors.push(invalid('fieldManager', name, `invalid character ${codePointText(char)} (at position ${at})`));
    at += Buffer.byteLength(char);
  }
  return errors;
}

/** As Go prints one that does not print: `U+0007`. */
function codePointText(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
