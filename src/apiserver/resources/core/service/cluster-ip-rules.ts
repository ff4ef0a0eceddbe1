import type { Service } from '../../../../api/types/gen/core-v1.ts';
import {
  amongIfSet,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
} from '../../../../api/validation/field-error.ts';
import { familyOf, isDualStack, validateLegacyIp } from '../../../../api/validation/ip.ts';
import { isHeadless } from './needs.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** The rules of clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy. Addresses that `old` has may stay as they are spelled. */
export function clusterIpErrors(service: Service, old: Service | undefined): FieldError[] {
  const { type, clusterIPs = [], ipFamilyPolicy } = service.spec;
  if (type === 'ExternalName') return [];
  const at = 'spec.clusterIPs';
  const errors = [
    ...agreementErrors(service),
    ...familyNameErrors(service),
    ...amongIfSet('spec.ipFamilyPolicy', ipFamilyPolicy, POLICIES),
  ];
  const kept = new Set(old?.spec.clusterIPs);
  let malformed = false;
  for (const [index, ip] of clusterIPs.entries()) {
    const headless = index === 0 && ip === 'None';
    const wrong = headless
      ? clusterIPs.length > 1
        ? [invalid(at, clusterIPs, "'None' must be the first and only value")]
        : []
      : validateLegacyIp(`${at}[${index}]`, ip, kept);
    malformed ||= wrong.length > 0;
    errors.push(...wrong);
  }
  if (clusterIPs.length > 2) errors.push(invalid(at, clusterIPs, 'may only hold up to 2 values'));
  return malformed ? errors : [...errors, ...familyErrors(service)];
}

/** clusterIP is the first of clusterIPs. */
function agreementErrors({ spec }: Service): FieldError[] {
  const { clusterIP = '', clusterIPs = [] } = spec;
  const at = 'spec.clusterIPs';
  if (clusterIP === '')
    return clusterIPs.length > 0 ? [invalid(at, clusterIPs, 'must be empty when `clusterIP` is not specified')] : [];
  if (clusterIPs.length === 0) return [required(at)];
  return clusterIPs[0] === clusterIP ? [] : [invalid(at, clusterIPs, 'first value must match `clusterIP`')];
}

function familyNameErrors({ spec: { ipFamilies = [] } }: Service): FieldError[] {
  const seen = new Set<string>();
  return ipFamilies.flatMap((family, index) => {
    const isRepeated = seen.has(family);
    seen.add(family);
    return [
      ...(FAMILIES.includes(family) ? [] : [notSupported(`spec.ipFamilies[${index}]`, family, FAMILIES)]),
      ...(isRepeated ? [duplicate(`spec.ipFamilies[${index}]`, family)] : []),
    ];
  });
}

function familyErrors(service: Service): FieldError[] {
  const { clusterIPs = [], ipFamilies = [] } = service.spec;
  const errors: FieldError[] = [];
  if (clusterIPs.length > 1 && !isDualStack(clusterIPs))
    errors.push(invalid('spec.clusterIPs', clusterIPs, 'may specify no more than one IP for each IP family'));
  if (isHeadless(service)) return errors;
  for (const [index, ip] of clusterIPs.slice(0, ipFamilies.length).entries()) {
    const family = ipFamilies[index] ?? '';
    const is = familyOf(ip) === 6 ? 'IPv6' : 'IPv4';
    if (FAMILIES.includes(family) && family !== is)
      errors.push(
        invalid(
          `spec.clusterIPs[${index}]`,
          ip,
          `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
        ),
      );
  }
  return errors;
}
