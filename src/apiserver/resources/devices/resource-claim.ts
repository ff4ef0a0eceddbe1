import { equalAs } from '../../../api/semantic-equal.ts';
import type { ResourceClaim, ResourceClaimTemplate } from '../../../api/types/gen/resource-v1.ts';
import { type FieldError, forbidden, invalid } from '../../../api/validation/field-error.ts';
import { validateAnnotations, validateLabels } from '../../../api/validation/object-meta.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateDeviceClaim } from './claim-rules.ts';
import { validateClaimStatus, withoutStaleDevices } from './claim-status.ts';

export const resourceClaimStrategy = defineStrategy<ResourceClaim>(
  { group: 'resource.k8s.io', version: 'v1', plural: 'resourceclaims' },
  {
    validate: ({ spec }) => validateDeviceClaim(spec.devices, 'spec.devices'),
    // The spec never changes, so that only a change of it is a matter here.
    validateUpdate: (claim, old) =>
      equalAs('resource/v1.ResourceClaimSpec', claim.spec, old.spec)
        ? []
        : [invalid('spec', claim.spec, 'field is immutable')],
    prepareStatus: (claim, old) => {
      const { labels, annotations, finalizers, ownerReferences } = old.metadata;
      const metadata = { ...claim.metadata, labels, annotations, finalizers, ownerReferences };
      return withoutStaleDevices({ ...claim, metadata }, old);
    },
    validateStatus: validateClaimStatus,
    statusFieldResets: ['metadata', 'spec'],
    columns: {
      definitions: [
        NAME,
        column('State', {
          description: 'Whether devices were allocated, are reserved for a pod, or are still to be found.',
        }),
        AGE,
      ],
      cells: (claim, now) => [claim.metadata.name ?? '', stateCell(claim), ageCell(claim, now)],
    },
  },
);

export const resourceClaimTemplateStrategy = defineStrategy<ResourceClaimTemplate>(
  { group: 'resource.k8s.io', version: 'v1', plural: 'resourceclaimtemplates' },
  {
    validate: validateTemplate,
    validateUpdate: (template, old) => [
      ...validateTemplate(template),
      ...(equalAs('resource/v1.ResourceClaimTemplateSpec', template.spec, old.spec)
        ? []
        : [invalid('spec', template.spec, 'field is immutable')]),
    ],
    columns: {
      definitions: [NAME, AGE],
      cells: (template, now) => [template.metadata.name ?? '', ageCell(template, now)],
    },
  },
);

/** All of metadata but labels and annotations, which alone are copied to claims; in upstream's order. */
const NOT_IN_TEMPLATE = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const;

function isSet(value: unknown): boolean {
  return value !== undefined && value !== '' && value !== 0;
}

function validateTemplate({ spec }: ResourceClaimTemplate): FieldError[] {
  const { metadata } = spec;
  return [
    ...validateAnnotations(metadata.annotations, 'spec.metadata.annotations'),
    ...validateLabels(metadata.labels, 'spec.metadata.labels'),
    ...NOT_IN_TEMPLATE.filter(name => isSet(metadata[name])).map(name =>
      forbidden(`spec.metadata.${name === 'uid' ? 'uID' : name}`, 'cannot be set'),
    ),
    ...validateDeviceClaim(spec.spec.devices, 'spec.spec.devices'),
  ];
}

function stateCell({ metadata, status }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (status.allocation === undefined) return (deleted ? states : ['pending']).join(',');
  states.push('allocated');
  if ((status.reservedFor ?? []).length > 0) states.push('reserved');
  return states.join(',');
}
