import type { ControllerRevision } from '../../../api/types/gen/apps-v1.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const controllerRevisionStrategy = defineStrategy<ControllerRevision>(
  { group: 'apps', version: 'v1', plural: 'controllerrevisions' },
  {
    validate: validateRevision,
    validateUpdate: (revision, old) => [
      ...nonNegative('revision', revision.revision),
      // An empty object is not the same as none here: the bytes are compared.
      ...((revision.data === undefined) === (old.data === undefined)
        ? immutable('data', revision.data, old.data)
        : [invalid('data', revision.data ?? null, 'field is immutable')]),
    ],
    columns: {
      definitions: [
        NAME,
        ...columns({
          Controller: 'The workload whose state this is.',
          Revision: 'The number of the state: later ones have higher numbers.',
        }),
        AGE,
      ],
      cells: (revision, now) => [
        revision.metadata.name ?? '',
        controllerCell(revision),
        revision.revision,
        ageCell(revision, now),
      ],
    },
  },
);

function validateRevision({ data, revision }: ControllerRevision): FieldError[] {
  const errors = nonNegative('revision', revision);
  if (data === undefined || data === null) errors.push(required('data', 'data is mandatory'));
  else if (typeof data !== 'object' || Array.isArray(data))
    errors.push(required('data', 'data must be a valid JSON object'));
  return errors;
}

/** `daemonset.apps/proxy`. */
function controllerCell(revision: ControllerRevision): string {
  const owner = revision.metadata.ownerReferences?.find(reference => reference.controller === true);
  if (owner === undefined) return '<none>';
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.replace(/\/.*/, '')}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}
