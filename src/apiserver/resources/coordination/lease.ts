import type { Lease } from '../../../api/types/gen/coordination-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor, notSupported } from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const leaseStrategy = defineStrategy<Lease>(
  { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  {
    createOnUpdate: true,
    unconditionalUpdate: false,
    prepareForCreate: lease => withoutElection(lease, undefined),
    prepareForUpdate: withoutElection,
    validate: validateLease,
    columns: {
      definitions: [NAME, column('Holder', { description: 'Who has the lease.' }), AGE],
      cells: (lease, now) => [lease.metadata.name ?? '', lease.spec.holderIdentity ?? '', ageCell(lease, now)],
    },
  },
);

/** Upstream keeps the election by strategies behind a gate that is off (CoordinatedLeaderElection); what is there stays. */
function withoutElection(lease: Lease, old: Lease | undefined): Lease {
  const spec = { ...lease.spec };
  if (old?.spec.strategy === undefined) delete spec.strategy;
  if (old?.spec.preferredHolder === undefined) delete spec.preferredHolder;
  return { ...lease, spec };
}

function validateLease({ spec }: Lease): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder = '' } = spec;
  const errors: FieldError[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0)
    errors.push(invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'));
  if (leaseTransitions !== undefined && leaseTransitions < 0)
    errors.push(invalid('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0'));
  if (strategy !== undefined) errors.push(...strategyErrors(strategy));
  if (preferredHolder !== '' && (strategy ?? '') === '')
    errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  return errors;
}

/** Upstream's own strategies have plain names, all others a domain in front. */
function strategyErrors(strategy: string): FieldError[] {
  // The field is named twice in upstream's path.
  const at = 'spec.strategy.strategy';
  if (strategy.includes('/')) return invalidFor(at, strategy, qualifiedName(strategy));
  return strategy === 'OldestEmulationVersion' ? [] : [notSupported(at, strategy, ['OldestEmulationVersion'])];
}
