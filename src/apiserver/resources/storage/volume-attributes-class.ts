import { equalValues } from '../../../api/semantic-equal.ts';
import type { VolumeAttributesClass } from '../../../api/types/gen/storage-v1.ts';
import { type FieldError, forbidden, required } from '../../../api/validation/field-error.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateParameters, validateProvisioner } from './class-rules.ts';

export const volumeAttributesClassStrategy = defineStrategy<VolumeAttributesClass>(
  { group: 'storage.k8s.io', version: 'v1', plural: 'volumeattributesclasses' },
  {
    validate: validateClass,
    validateUpdate: (attributes, old) => [
      ...(attributes.driverName === old.driverName
        ? []
        : [forbidden('driverName', 'updates to driverName are forbidden.')]),
      ...(equalValues(attributes.parameters, old.parameters)
        ? []
        : [forbidden('parameters', 'updates to parameters are forbidden.')]),
      ...validateClass(attributes),
    ],
    columns: {
      definitions: [NAME, column('DriverName', { description: 'The CSI driver that knows the attributes.' }), AGE],
      cells: (attributes, now) => [attributes.metadata.name ?? '', attributes.driverName, ageCell(attributes, now)],
    },
  },
);

function validateClass({ driverName, parameters = {} }: VolumeAttributesClass): FieldError[] {
  const errors = [...validateProvisioner(driverName, 'driverName'), ...validateParameters(parameters, 'parameters')];
  return Object.keys(parameters).length > 0
    ? errors
    : [...errors, required('parameters', 'must contain at least one key/value pair')];
}
