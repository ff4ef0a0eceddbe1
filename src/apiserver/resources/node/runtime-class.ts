import type { Toleration } from '../../../api/types/gen/core-v1.ts';
import type { RuntimeClass } from '../../../api/types/gen/node-v1.ts';
import { labelDeprecation } from '../../../api/validation/deprecated-labels.ts';
import { duplicate, type FieldError, invalidFor, required } from '../../../api/validation/field-error.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { validateLabels } from '../../../api/validation/object-meta.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { NEW_TEMPLATE } from '../../../api/validation/pod-options.ts';
import { validateOverhead } from '../../../api/validation/resources.ts';
import { validateTolerations } from '../../../api/validation/tolerations.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const runtimeClassStrategy = defineStrategy<RuntimeClass>(
  { group: 'node.k8s.io', version: 'v1', plural: 'runtimeclasses' },
  {
    createOnUpdate: true,
    unconditionalUpdate: false,
    validate: validateClass,
    validateUpdate: (runtimeClass, old) => [
      ...validateClass(runtimeClass),
      ...immutable('handler', runtimeClass.handler, old.handler),
    ],
    warnings: ({ scheduling }) =>
      Object.keys(scheduling?.nodeSelector ?? {}).flatMap(key => {
        const said = labelDeprecation(key);
        return said === undefined ? [] : [`scheduling.nodeSelector: ${said}`];
      }),
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
    // Upstream takes it for the limits of a container, and names its field so.
    ...(overhead === undefined ? [] : validateOverhead(overhead.podFixed ?? {}, NEW_TEMPLATE.kept, 'overhead')),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...tolerationErrors(scheduling?.tolerations ?? [], 'scheduling.tolerations'),
  ];
}

/** Tolerations with the same key, operator, value and effect are one too many. */
function tolerationErrors(tolerations: readonly Toleration[], path: string): FieldError[] {
  const seen = new Set<string>();
  return [
    ...validateTolerations(tolerations, path),
    ...tolerations.flatMap((toleration, index) => {
      const { key = '', operator = '', value = '', effect = '' } = toleration;
      const form = JSON.stringify([key, operator, value, effect]);
      if (seen.has(form)) return [duplicate(`${path}[${index}]`, toleration)];
      seen.add(form);
      return [];
    }),
  ];
}
