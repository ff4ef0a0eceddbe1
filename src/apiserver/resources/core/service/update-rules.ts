import { equalValues } from '../../../../api/semantic-equal.ts';
import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid } from '../../../../api/validation/field-error.ts';
import { isHeadless, needsHealthCheckPort } from './needs.ts';
import { balancerClassErrors, validateService } from './validate.ts';

const ONCE = 'may not change once set';

/** Addresses and families are given up or added at the end, never exchanged, unless an external name comes or goes. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const external = service.spec.type === 'ExternalName' || old.spec.type === 'ExternalName';
  return [
    ...(external ? [] : [...clusterIpChanges(service, old), ...familyChanges(service, old)]),
    ...balancerClassChanges(service, old),
    ...(needsHealthCheckPort(old) &&
    needsHealthCheckPort(service) &&
    (service.spec.healthCheckNodePort ?? 0) !== (old.spec.healthCheckNodePort ?? 0)
      ? [forbidden('spec.healthCheckNodePort', 'field is immutable')]
      : []),
    ...validateService(service, old),
  ];
}

function clusterIpChanges(service: Service, old: Service): FieldError[] {
  if (isHeadless(service) && isHeadless(old)) return [];
  const ips = service.spec.clusterIPs ?? [];
  const had = old.spec.clusterIPs ?? [];
  const at = (index: number): string => `spec.clusterIPs[${index}]`;
  if (had.length === ips.length)
    return had.flatMap((ip, index) => (ip === ips[index] ? [] : [invalid(at(index), ips, ONCE)]));
  const errors: FieldError[] = [];
  if (had.length > 0 && ips.length > 0 && ips[0] !== had[0]) errors.push(invalid(at(0), ips, ONCE));
  if (had.length < ips.length) return errors;
  if (ips.length === 0) errors.push(invalid(at(0), orNull(ips), 'primary clusterIP can not be unset'));
  if (ips.length === 1) errors.push(...releaseErrors(service, 'clusterIP'));
  return errors;
}

function familyChanges(service: Service, old: Service): FieldError[] {
  // A headless service may change its families, and so may one that becomes headless or ends to be so.
  if (isHeadless(service) || isHeadless(old)) return [];
  const families = service.spec.ipFamilies ?? [];
  const before = old.spec.ipFamilies ?? [];
  const at = 'spec.ipFamilies[0]';
  if (before.length === families.length)
    return before.flatMap((family, index) => (family === families[index] ? [] : [invalid(at, families, ONCE)]));
  const ips = service.spec.clusterIPs ?? [];
  const errors: FieldError[] = [];
  if (before.length > families.length && ips.length === 0)
    errors.push(invalid(at, orNull(families), 'primary ipFamily can not be unset'));
  // Upstream shows the addresses here.
  if (before.length > 0 && families.length > 0 && families[0] !== before[0])
    errors.push(invalid(at, orNull(ips), ONCE));
  if (before.length > families.length && families.length === 1) errors.push(...releaseErrors(service, 'ipFamily'));
  return errors;
}

/** An absent list is null in Go's output. */
function orNull(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : list;
}

function releaseErrors({ spec: { ipFamilyPolicy } }: Service, what: string): FieldError[] {
  if (ipFamilyPolicy === 'SingleStack') return [];
  const detail = `must be set to 'SingleStack' when releasing the secondary ${what}`;
  return [invalid('spec.ipFamilyPolicy', ipFamilyPolicy ?? null, detail)];
}

function balancerClassChanges(service: Service, old: Service): FieldError[] {
  const { loadBalancerClass } = service.spec;
  const changed =
    service.spec.type === 'LoadBalancer' &&
    old.spec.type === 'LoadBalancer' &&
    !equalValues(loadBalancerClass, old.spec.loadBalancerClass);
  return [
    ...(changed ? [invalid('spec.loadBalancerClass', loadBalancerClass ?? null, ONCE)] : []),
    // Upstream looks at its format in both places.
    ...balancerClassErrors(service),
  ];
}
