import type { PriorityClass } from '../../../api/types/gen/scheduling-v1.ts';
import { type FieldError, forbidden, oneOf } from '../../../api/validation/field-error.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

/** Above this only the system's own classes are. */
export const HIGHEST_USER_PRIORITY = 1_000_000_000;
/** The classes that the server keeps itself. */
export const SYSTEM_PRIORITY_CLASSES: ReadonlyMap<string, number> = new Map([
  ['system-cluster-critical', 2_000_000_000],
  ['system-node-critical', 2_000_001_000],
]);

export const priorityClassStrategy = defineStrategy<PriorityClass>(
  { group: 'scheduling.k8s.io', version: 'v1', plural: 'priorityclasses' },
  {
    generation: [],
    validate: validateClass,
    validateUpdate: (priorityClass, old) => [
      ...(priorityClass.value === old.value ? [] : [forbidden('value', 'may not be changed in an update.')]),
      ...immutable('preemptionPolicy', priorityClass.preemptionPolicy, old.preemptionPolicy),
    ],
    columns: {
      definitions: [
        NAME,
        column('Value', { type: 'integer', description: 'The priority of the pods: higher goes first.' }),
        column('Global-Default', { type: 'boolean', description: 'Whether pods that name no class get this one.' }),
        AGE,
        column('PreemptionPolicy', { description: 'Whether pods of lower priority may be removed to make room.' }),
      ],
      cells: (priorityClass, now) => [
        priorityClass.metadata.name ?? '',
        priorityClass.value,
        priorityClass.globalDefault ?? false,
        ageCell(priorityClass, now),
        priorityClass.preemptionPolicy ?? '',
      ],
    },
  },
);

function validateClass(priorityClass: PriorityClass): FieldError[] {
  const { metadata, value, globalDefault, preemptionPolicy } = priorityClass;
  const { name = '' } = metadata;
  const errors: FieldError[] = [];
  if (name.startsWith('system-')) {
    const because = systemClassError(name, value, globalDefault === true);
    if (because !== undefined)
      errors.push(
        forbidden(
          'metadata.name',
          `priority class names with 'system-' prefix are reserved for system use only. error: ${because}`,
        ),
      );
  } else if (value > HIGHEST_USER_PRIORITY)
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`));
  if (preemptionPolicy === undefined) return errors;
  return [...errors, ...oneOf('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never'])];
}

function systemClassError(name: string, value: number, globalDefault: boolean): string | undefined {
  const known = SYSTEM_PRIORITY_CLASSES.get(name);
  if (known === undefined) return `${name} is not a known system priority class`;
  if (known !== value) return `value of ${name} PriorityClass must be ${known}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}
