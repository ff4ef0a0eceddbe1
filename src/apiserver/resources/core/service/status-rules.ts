import type { LoadBalancerIngress, Service } from '../../../../api/types/gen/core-v1.ts';
import {
  amongIfSet,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  required,
} from '../../../../api/validation/field-error.ts';
import { familyOf, validateLegacyIp } from '../../../../api/validation/ip.ts';
import { dns1123Subdomain } from '../../../../api/validation/names.ts';

const AT = 'status.loadBalancer.ingress';

/** Where a load balancer is reached. Addresses that `old` has may stay as they are spelled. */
export function validateServiceStatus(service: Service, old: Service): FieldError[] {
  const ingress = service.status.loadBalancer.ingress ?? [];
  if (service.spec.type !== 'LoadBalancer' && ingress.length > 0)
    return [forbidden(AT, "may only be used when `spec.type` is 'LoadBalancer'")];
  const kept = new Set((old.status.loadBalancer.ingress ?? []).map(({ ip = '' }) => ip));
  return ingress.flatMap((entry, index) => ingressErrors(entry, kept, `${AT}[${index}]`));
}

function ingressErrors(
  { ip = '', ipMode, hostname = '' }: LoadBalancerIngress,
  kept: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors = ip === '' ? [] : validateLegacyIp(`${path}.ip`, ip, kept);
  const mode = `${path}.ipMode`;
  if (ip !== '' && ipMode === undefined) errors.push(required(mode, 'must be specified when `ip` is set'));
  else if (ip === '' && ipMode !== undefined) errors.push(forbidden(mode, 'may not be specified when `ip` is not set'));
  else errors.push(...amongIfSet(mode, ipMode, ['Proxy', 'VIP']));
  if (hostname === '') return errors;
  errors.push(...invalidFor(`${path}.hostname`, hostname, dns1123Subdomain(hostname)));
  if (familyOf(hostname) !== undefined)
    errors.push(invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'));
  return errors;
}
