import { equalValues } from '../../../../api/semantic-equal.ts';
import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid } from '../../../../api/validation/field-error.ts';
import { ipFamily } from '../../../../base/cidr.ts';

export type IpFamilyName = 'IPv4' | 'IPv6';

export type Settled =
  | { readonly kind: 'settled'; readonly service: Service }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export function familyNameOf(ip: string): IpFamilyName {
  return ipFamily(ip) === 4 ? 'IPv4' : 'IPv6';
}

/** True for a service that prefers two families and is told nothing new of them: a cluster that gains or loses one does not change it. */
function staysPreferred({ spec }: Service, old: Service | undefined): boolean {
  if (old === undefined || spec.type !== old.spec.type) return false;
  if (spec.ipFamilyPolicy !== 'PreferDualStack' || old.spec.ipFamilyPolicy !== 'PreferDualStack') return false;
  return (
    equalValues(spec.clusterIPs ?? [], old.spec.clusterIPs ?? []) &&
    equalValues(spec.ipFamilies ?? [], old.spec.ipFamilies ?? [])
  );
}

/**
 * Fills in ipFamilyPolicy and ipFamilies. `configured` are the families that the cluster has addresses of, its own first.
 * Single stack unless asked otherwise; a headless service without selector is told to have both.
 */
export function settleIpFamilies(
  service: Service,
  old: Service | undefined,
  configured: readonly IpFamilyName[],
): Settled {
  if (service.spec.type === 'ExternalName' || staysPreferred(service, old)) return { kind: 'settled', service };
  const bare = service.spec.clusterIP === 'None' && Object.keys(service.spec.selector ?? {}).length === 0;
  const policy = service.spec.ipFamilyPolicy ?? old?.spec.ipFamilyPolicy ?? (bare ? 'RequireDualStack' : 'SingleStack');
  let clusterIPs = service.spec.clusterIPs ?? [];
  let families = (service.spec.ipFamilies ?? []) as readonly IpFamilyName[];
  const errors: FieldError[] = [];
  const wrongPolicy = (detail: string): void => {
    errors.push(invalid('spec.ipFamilyPolicy', policy, detail));
  };
  if (old !== undefined) {
    const oldIps = old.spec.clusterIPs ?? [];
    const oldFamilies = old.spec.ipFamilies ?? [];
    if (policy === 'SingleStack') {
      // Going back to one family takes what was not touched down to its first.
      if (equalValues(clusterIPs, oldIps)) clusterIPs = clusterIPs.slice(0, 1);
      if (equalValues(families, oldFamilies)) families = families.slice(0, 1);
    } else {
      if (clusterIPs.length === 1 && oldIps.length === 2 && clusterIPs[0] === oldIps[0])
        wrongPolicy("must be 'SingleStack' to release the secondary cluster IP");
      if (families.length === 1 && oldFamilies.length === 2 && families[0] === oldFamilies[0])
        wrongPolicy("must be 'SingleStack' to release the secondary IP family");
    }
  }
  if (policy === 'SingleStack') {
    const text = (what: string): string =>
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
    if (clusterIPs.length === 2) wrongPolicy(text('cluster IPs'));
    if (families.length === 2) wrongPolicy(text('IP families'));
  }
  for (const [index, ip] of clusterIPs.entries()) {
    if (ip === 'None') break;
    if (index < families.length) continue;
    const family = familyNameOf(ip);
    if (configured.includes(family)) families = [...families, family];
    else errors.push(invalid(`spec.clusterIPs[${index}]`, clusterIPs, `${family} is not configured on this cluster`));
  }
  if (!bare) {
    if (policy === 'RequireDualStack' && configured.length < 2)
      wrongPolicy('this cluster is not configured for dual-stack services');
    for (const [index, family] of families.entries())
      if (!configured.includes(family))
        errors.push(invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  }
  if (errors.length > 0) return { kind: 'invalid', errors };
  if (families.length === 0) families = configured.slice(0, 1);
  if (families.length === 1 && policy !== 'SingleStack' && (bare || configured.length === 2))
    families = [...families, families[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
  return {
    kind: 'settled',
    service: {
      ...service,
      spec: {
        ...service.spec,
        ipFamilyPolicy: policy,
        ipFamilies: families,
        clusterIPs: clusterIPs.length === 0 ? undefined : clusterIPs,
      },
    },
  };
}
