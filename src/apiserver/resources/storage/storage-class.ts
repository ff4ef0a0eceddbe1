import type { StorageClass } from '../../../api/types/gen/storage-v1.ts';
import {
  type FieldError,
  invalid,
  invalidFor,
  notSupported,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

/** Names of a class that claims without one get; the second is the old form. */
export const DEFAULT_CLASS_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

export function isDefaultClass(object: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> | undefined };
}): boolean {
  return DEFAULT_CLASS_ANNOTATIONS.some(key => object.metadata.annotations?.[key] === 'true');
}

export const storageClassStrategy = defineStrategy<StorageClass>(
  { group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses' },
  {
    validate: validateClass,
    validateUpdate: (storageClass, old) => [
      ...validateClass(storageClass),
      ...(['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const).flatMap(field =>
        immutable(field, storageClass[field], old[field]),
      ),
    ],
    columns: {
      definitions: [
        NAME,
        ...['Provisioner', 'ReclaimPolicy', 'VolumeBindingMode', 'AllowVolumeExpansion'].map(name => column(name)),
        AGE,
      ],
      cells: (storageClass, now) => [
        `${storageClass.metadata.name ?? ''}${isDefaultClass(storageClass) ? ' (default)' : ''}`,
        storageClass.provisioner,
        storageClass.reclaimPolicy ?? 'Delete',
        storageClass.volumeBindingMode ?? 'Immediate',
        storageClass.allowVolumeExpansion ?? false,
        ageCell(storageClass, now),
      ],
    },
  },
);

function validateClass(storageClass: StorageClass): FieldError[] {
  const { provisioner, parameters = {}, reclaimPolicy, volumeBindingMode } = storageClass;
  const errors: FieldError[] = [];
  if (provisioner === '') errors.push(required('provisioner'));
  else errors.push(...invalidFor('provisioner', provisioner, qualifiedName(provisioner.toLowerCase())));
  const entries = Object.entries(parameters);
  if (entries.length > MAX_PARAMETERS) errors.push(tooLong('parameters', MAX_PARAMETERS));
  for (const [key] of entries) if (key === '') errors.push(invalid('parameters', key, 'field can not be empty.'));
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > MAX_PARAMETER_BYTES) errors.push(tooLong('parameters', MAX_PARAMETER_BYTES));
  if (reclaimPolicy !== undefined && !['Delete', 'Retain'].includes(reclaimPolicy))
    errors.push(notSupported('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']));
  if (volumeBindingMode === undefined) errors.push(required('volumeBindingMode'));
  else if (!['Immediate', 'WaitForFirstConsumer'].includes(volumeBindingMode))
    errors.push(notSupported('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']));
  return errors;
}
