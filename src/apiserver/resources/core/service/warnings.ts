import { goQuote } from '../../../../api/go-quote.ts';
import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { cidrWarnings, ipWarnings } from '../../../../api/validation/ip.ts';
import { TOPOLOGY_HINTS, TOPOLOGY_MODE } from './validate.ts';

/** What a client is told about a service that is allowed but hardly meant. */
export function serviceWarnings({ metadata, spec }: Service): string[] {
  const { clusterIP = '', externalIPs = [], loadBalancerIP = '', externalName = '' } = spec;
  const headless = spec.type === 'ClusterIP' && clusterIP === 'None';
  const external = spec.type === 'ExternalName';
  const hasAddress = clusterIP !== '' && clusterIP !== 'None';
  const each = (field: 'clusterIPs' | 'externalIPs'): string[] =>
    (spec[field] ?? []).flatMap((ip, index) => ipWarnings(`spec.${field}[${index}]`, ip));
  const when = (condition: boolean, text: string): string[] => (condition ? [text] : []);
  return [
    ...when(
      Object.hasOwn(metadata.annotations ?? {}, TOPOLOGY_HINTS),
      `annotation ${TOPOLOGY_HINTS} is deprecated, please use ${TOPOLOGY_MODE} instead`,
    ),
    ...(hasAddress ? each('clusterIPs') : []),
    ...when(headless && loadBalancerIP !== '', 'spec.loadBalancerIP is ignored for headless services'),
    ...when(headless && externalIPs.length > 0, 'spec.externalIPs is ignored for headless services'),
    ...when(headless && spec.sessionAffinity !== 'None', 'spec.SessionAffinity is ignored for headless services'),
    ...each('externalIPs'),
    ...when(
      externalIPs.length > 0 && !headless && !external,
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    ),
    ...(loadBalancerIP === '' ? [] : ipWarnings('spec.loadBalancerIP', loadBalancerIP)),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, index) =>
      cidrWarnings(`spec.loadBalancerSourceRanges[${index}]`, range),
    ),
    ...when(
      external && externalIPs.length > 0,
      `spec.externalIPs is ignored when spec.type is ${goQuote('ExternalName')}`,
    ),
    ...when(
      !external && externalName !== '',
      `spec.externalName is ignored when spec.type is not ${goQuote('ExternalName')}`,
    ),
    ...when(
      spec.trafficDistribution === 'PreferClose',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ),
  ];
}

/** What is told about the addresses that a load balancer reports. */
export function serviceStatusWarnings({ status }: Service): string[] {
  return (status.loadBalancer.ingress ?? []).flatMap(({ ip = '' }, index) =>
    ip === '' ? [] : ipWarnings(`status.loadBalancer.ingress[${index}]`, ip),
  );
}
