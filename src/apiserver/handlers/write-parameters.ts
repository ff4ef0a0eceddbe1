import { isPrintable } from '../../api/go-quote.ts';
import { invalidError } from '../../api/status.ts';
import type { DeleteOptions } from '../../api/types/gen/meta-v1.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../../api/validation/field-error.ts';
import { fieldManagerErrors, MAX_FIELD_MANAGER_BYTES } from '../../api/validation/managed-fields.ts';

/** The type that upstream reads the parameters of a write into; its refusals name it. */
export type WriteParametersKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

const FIELD_VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];
/** The option to delete what cannot be decoded, and what makes no sense beside it. */
const UNREADABLE = 'ignoreStoreReadErrorWithClusterBreakingPotential';
const EXCLUDED = ['dryRun', 'propagationPolicy', 'orphanDependents', 'gracePeriodSeconds', 'preconditions'] as const;
const PROPAGATION_POLICIES = ['Foreground', 'Background', 'Orphan', 'nil'];

/** Checks the query of a write and says whether it is a dry run; `isApply` for a server-side apply. Throws 422 in upstream's words. */
export function checkWriteParameters(
  kind: WriteParametersKind,
  query: URLSearchParams,
  isApply = false,
): { readonly dryRun: boolean } {
  const dryRun = query.getAll('dryRun');
  const validation = query.get('fieldValidation') ?? '';
  const manages = kind !== 'DeleteOptions';
  refuse(kind, [
    ...(isApply && (query.get('fieldManager') ?? '') === ''
      ? [required('fieldManager', 'is required for apply patch')]
      : []),
    ...(!isApply && kind === 'PatchOptions' && query.has('force')
      ? [forbidden('force', 'may not be specified for non-apply patch')]
      : []),
    ...(manages ? fieldManagerErrors(query.get('fieldManager') ?? '', 'fieldManager') : []),
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

/** True where a server-side apply takes what others manage. Any value but `false` and `0` says yes, as for Go. */
export function isForced(query: URLSearchParams): boolean {
  const force = query.get('force');
  return force !== null && force !== '0' && force.toLowerCase() !== 'false';
}

/** The name under which a write manages fields: that of the query, or what stands before the slash in User-Agent. */
export function fieldManagerOf(query: URLSearchParams, userAgent: string | undefined): string {
  const said = query.get('fieldManager') ?? '';
  if (said !== '') return said;
  let name = '';
  let bytes = 0;
  for (const char of (userAgent ?? '').split('/')[0] ?? '') {
    if (!isPrintable(char)) continue;
    bytes += Buffer.byteLength(char);
    if (bytes > MAX_FIELD_MANAGER_BYTES) break;
    name += char;
  }
  return name;
}
