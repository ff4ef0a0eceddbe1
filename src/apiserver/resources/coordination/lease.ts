import type { Lease } from '../../../api/types/gen/coordination-v1.ts';
import { type FieldError, forbidden, invalid, notSupported } from '../../../api/validation/field-error.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const leaseStrategy = defineStrategy<Lease>(
  { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  {
    createOnUpdate: true,
    unconditionalUpdate: false,
    validate: validateLease,
    columns: {
      definitions: [NAME, column('Holder'), AGE],
      cells: (lease, now) => [lease.metadata.name ?? '', lease.spec.holderIdentity ?? '', ageCell(lease, now)],
    },
  },
);

function validateLease({ spec }: Lease): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder = '' } = spec;
  const errors: FieldError[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0)
    errors.push(invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'));
  if (leaseTransitions !== undefined && leaseTransitions < 0)
    errors.push(invalid('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0'));
  if (strategy !== undefined && !strategy.includes('/') && strategy !== 'OldestEmulationVersion')
    errors.push(notSupported('spec.strategy', strategy, ['OldestEmulationVersion']));
  if (preferredHolder !== '' && strategy === undefined)
    errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  return errors;
}
