import type { RuntimeClass } from '../../../api/types/gen/node-v1.ts';
import { type FieldError, invalidFor, required } from '../../../api/validation/field-error.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { validateLabels } from '../../../api/validation/object-meta.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { validateQuantity } from '../../../api/validation/quantity.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const runtimeClassStrategy = defineStrategy<RuntimeClass>(
  { group: 'node.k8s.io', version: 'v1', plural: 'runtimeclasses' },
  {
    validate: validateClass,
    validateUpdate: (runtimeClass, old) => immutable('handler', runtimeClass.handler, old.handler),
    columns: {
      definitions: [
        NAME,
        column('Handler', { description: 'The runtime that nodes run pods of this class with.' }),
        AGE,
      ],
      cells: (runtimeClass, now) => [
        runtimeClass.metadata.name ?? '',
        runtimeClass.handler,
        ageCell(runtimeClass, now),
      ],
    },
  },
);

function validateClass({ handler, overhead, scheduling }: RuntimeClass): FieldError[] {
  return [
    ...(handler === '' ? [required('handler')] : invalidFor('handler', handler, dns1123Label(handler))),
    ...Object.entries(overhead?.podFixed ?? {}).flatMap(([name, quantity]) =>
      validateQuantity(name, quantity, `overhead.podFixed[${name}]`),
    ),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
  ];
}
