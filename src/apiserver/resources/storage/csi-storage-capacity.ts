import { parseQuantity } from '../../../api/quantity.ts';
import { equalAs } from '../../../api/semantic-equal.ts';
import type { CSIStorageCapacity } from '../../../api/types/gen/storage-v1.ts';
import { labelDeprecation, termWarnings } from '../../../api/validation/deprecated-labels.ts';
import { type FieldError, invalid, invalidFor } from '../../../api/validation/field-error.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { columns, NAME } from '../cells.ts';
import { defineStrategy } from '../define.ts';

export const csiStorageCapacityStrategy = defineStrategy<CSIStorageCapacity>(
  { group: 'storage.k8s.io', version: 'v1', plural: 'csistoragecapacities' },
  {
    unconditionalUpdate: false,
    validate: capacity => validateCapacity(capacity, false),
    // What a driver was asked is fixed; what it answered is not.
    validateUpdate: (capacity, old) => {
      const errors = validateCapacity(capacity, validateLabelSelector(old.nodeTopology, '').length > 0);
      const { nodeTopology, storageClassName } = capacity;
      const sameNodes =
        (nodeTopology === undefined) === (old.nodeTopology === undefined) &&
        equalAs('meta/v1.LabelSelector', nodeTopology, old.nodeTopology);
      if (!sameNodes) errors.push(invalid('nodeTopology', nodeTopology ?? null, 'field is immutable'));
      if (storageClassName !== old.storageClassName)
        errors.push(invalid('storageClassName', storageClassName, 'field is immutable'));
      return errors;
    },
    warnings: topologyWarnings,
    columns: {
      definitions: [
        NAME,
        ...columns({
          StorageClassName: 'The class of the volumes that there is room for.',
          Capacity: 'How much room there is, as the driver said last.',
        }),
      ],
      cells: capacity => [capacity.metadata.name ?? '', capacity.storageClassName, capacity.capacity ?? '<unset>'],
    },
  },
);

function topologyWarnings({ nodeTopology }: CSIStorageCapacity): string[] {
  return [
    ...termWarnings(nodeTopology ?? {}, false, 'nodeTopology'),
    ...Object.keys(nodeTopology?.matchLabels ?? {}).flatMap(key => {
      const said = labelDeprecation(key);
      return said === undefined ? [] : [`nodeTopology.matchLabels.${key}: ${said}`];
    }),
  ];
}

function validateCapacity(
  { nodeTopology, storageClassName, capacity }: CSIStorageCapacity,
  anyValue: boolean,
): FieldError[] {
  return [
    ...validateLabelSelector(nodeTopology, 'nodeTopology', { anyValue }),
    ...invalidFor('storageClassName', storageClassName, dns1123Subdomain(storageClassName)),
    ...(capacity !== undefined && parseQuantity(capacity).nano < 0n
      ? [invalid('capacity', capacity, 'must be greater than or equal to 0')]
      : []),
  ];
}
