import type { ServiceCIDR } from '../../../api/types/gen/networking-v1.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { networkFamilyOf, validateCidr } from '../../../api/validation/ip.ts';
import { AGE, column, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

const AT = 'spec.cidrs';
const IMMUTABLE = 'field is immutable';

/** A range that cluster IPs are taken from. */
export const serviceCidrStrategy = defineStrategy<ServiceCIDR>(
  { group: 'networking.k8s.io', version: 'v1', plural: 'servicecidrs' },
  {
    validate: ({ spec }) => validateCidrs(spec.cidrs ?? []),
    validateUpdate: ({ spec }, old) => validateChange(spec.cidrs, old.spec.cidrs ?? []),
    statusFieldResets: ['metadata', 'spec'],
    columns: {
      definitions: [NAME, column('CIDRs', { description: 'The ranges that cluster IPs are taken from.' }), AGE],
      cells: (serviceCidr, now) => [
        serviceCidr.metadata.name ?? '',
        (serviceCidr.spec.cidrs ?? []).join(','),
        ageCell(serviceCidr, now),
      ],
    },
  },
);

function validateCidrs(cidrs: readonly string[]): FieldError[] {
  if (cidrs.length === 0) return [required(AT, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(AT, { CIDRs: cidrs }, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, index) => validateCidr(`${AT}[${index}]`, cidr));
  const [first, second] = cidrs.map(networkFamilyOf);
  if (first !== undefined && first === second)
    errors.push(
      invalid(AT, cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'),
    );
  return errors;
}

/** A range stays; one of the other family may come to it. */
function validateChange(sent: readonly string[] | undefined, before: readonly string[]): FieldError[] {
  const cidrs = sent ?? [];
  const changed = before.flatMap((cidr, index) =>
    cidr === cidrs[index] ? [] : [invalid(`${AT}[${index}]`, cidrs[index] ?? '', IMMUTABLE)],
  );
  if (cidrs.length === before.length) return changed;
  if (before.length === 1 && cidrs.length === 2) return [...changed, ...validateCidrs(cidrs)];
  return [invalid(AT, sent ?? null, IMMUTABLE)];
}

/** True for a range that services may take from. One without a condition is: there need be nobody who says so. */
export function isReadyRange({ metadata, status }: ServiceCIDR): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  const ready = (status.conditions ?? []).find(condition => condition.type === 'Ready');
  return ready === undefined || ready.status === 'True';
}
