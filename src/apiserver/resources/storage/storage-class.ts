import type { TopologySelectorTerm } from '../../../api/types/gen/core-v1.ts';
import type { StorageClass } from '../../../api/types/gen/storage-v1.ts';
import { labelDeprecation } from '../../../api/validation/deprecated-labels.ts';
import { duplicate, type FieldError, invalidFor, notSupported, required } from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateParameters, validateProvisioner } from './class-rules.ts';

/** Names of a class that claims without one get; the second is the old form. */
export const DEFAULT_CLASS_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

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
    warnings: ({ allowedTopologies = [] }) =>
      allowedTopologies.flatMap(({ matchLabelExpressions = [] }, index) =>
        matchLabelExpressions.flatMap(({ key }, place) => {
          const said = labelDeprecation(key);
          return said === undefined ? [] : [`allowedTopologies[${index}].matchLabelExpressions[${place}].key: ${said}`];
        }),
      ),
    columns: {
      definitions: [
        NAME,
        ...columns({
          Provisioner: 'Who makes the volumes.',
          ReclaimPolicy: 'What becomes of a volume when its claim is gone.',
          VolumeBindingMode: 'Whether a volume is made at once or when a pod needs it.',
          AllowVolumeExpansion: 'Whether a claim may ask for more later.',
        }),
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
  const { provisioner, parameters = {}, reclaimPolicy = '', volumeBindingMode, allowedTopologies } = storageClass;
  const errors = [...validateProvisioner(provisioner, 'provisioner'), ...validateParameters(parameters, 'parameters')];
  if (reclaimPolicy !== '' && !['Delete', 'Retain'].includes(reclaimPolicy))
    errors.push(notSupported('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']));
  if (volumeBindingMode === undefined) errors.push(required('volumeBindingMode'));
  else if (!['Immediate', 'WaitForFirstConsumer'].includes(volumeBindingMode))
    errors.push(notSupported('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']));
  return [...errors, ...topologyErrors(allowedTopologies ?? [], 'allowedTopologies')];
}

/** Upstream tells a term that is there twice once for each of the others: for thousands of them millions of times the same. */
const MAX_TOLD_TWICE = 10;

function topologyErrors(terms: readonly TopologySelectorTerm[], path: string): FieldError[] {
  const seen = new Map<string, number>();
  return terms.flatMap((term, index) => {
    const at = `${path}[${index}].matchLabelExpressions`;
    const expressions = term.matchLabelExpressions ?? [];
    const keys = new Map<string, string>();
    const errors: FieldError[] = [];
    for (const [place, { key, values }] of expressions.entries()) {
      const here = `${at}[${place}]`;
      if (values.length === 0) errors.push(required(`${here}.values`));
      const before = new Set<string>();
      for (const [i, value] of values.entries()) {
        if (before.has(value)) errors.push(duplicate(`${here}.values[${i}]`, value));
        before.add(value);
      }
      errors.push(...invalidFor(`${here}.key`, key, qualifiedName(key)));
      if (keys.has(key)) errors.push(duplicate(`${here}.key`, key));
      keys.set(key, JSON.stringify([...new Set(values)].toSorted()));
    }
    const form = JSON.stringify([...keys].toSorted());
    // Upstream compares each term with as many empty ones as there are terms, besides those before it.
    const known = seen.get(form) ?? 0;
    seen.set(form, known + 1);
    const same = Math.min(MAX_TOLD_TWICE, known + (keys.size === 0 ? terms.length : 0));
    return [...errors, ...Array.from({ length: same }, () => duplicate(at, ''))];
  });
}
