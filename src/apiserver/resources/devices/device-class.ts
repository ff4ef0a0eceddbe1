import type { DeviceClass } from '../../../api/types/gen/resource-v1.ts';
import { type FieldError, invalid } from '../../../api/validation/field-error.ts';
import { AGE, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { MAX_CONFIGS, validateConfiguration, validateSelectors } from './claim-rules.ts';
import { isExtendedResource } from './device-names.ts';
import { validateItems } from './lists.ts';

export const deviceClassStrategy = defineStrategy<DeviceClass>(
  { group: 'resource.k8s.io', version: 'v1', plural: 'deviceclasses' },
  {
    generation: ['spec'],
    validate: validateClass,
    columns: {
      definitions: [NAME, AGE],
      cells: (deviceClass, now) => [deviceClass.metadata.name ?? '', ageCell(deviceClass, now)],
    },
  },
);

function validateClass({ spec }: DeviceClass): FieldError[] {
  const { selectors, config, extendedResourceName: resource } = spec;
  return [
    ...validateSelectors(selectors, 'spec.selectors'),
    ...validateItems(config, MAX_CONFIGS, 'spec.config', validateConfiguration),
    ...(resource === undefined || isExtendedResource(resource)
      ? []
      : [invalid('spec.extendedResourceName', resource, 'must be a valid extended resource name')]),
  ];
}
