import type { Service } from '../../api/types/gen/core-v1.ts';
import { type IpFamily, ipFamily } from '../../base/cidr.ts';
import { minimalCidrs } from '../../base/cidr-list.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** One port of a service in one address family: what is to be answered, and by which rules an endpoint is chosen. */
export interface ServicePort {
  readonly family: IpFamily;
  /** The port's name; empty where the service has one port without a name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly clusterIp: string;
  readonly externalIps: readonly string[];
  readonly loadBalancerIps: readonly string[];
  /** Who may use the load balancer's addresses; empty: everybody. */
  readonly sourceRanges: readonly string[];
  readonly nodePort: number | undefined;
  /** Where a load balancer asks after the service. */
  readonly healthCheckNodePort: number | undefined;
  /** How long a client stays with its endpoint, in seconds; undefined without session affinity. */
  readonly affinitySeconds: number | undefined;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
}

const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ['TCP', 'tcp'],
  ['UDP', 'udp'],
  ['SCTP', 'sctp'],
]);

/** The ports of a service in a family; none where it has no address of it, and for headless and ExternalName services. */
export function servicePortsOf(service: Service, family: IpFamily): ServicePort[] {
  const { spec, status } = service;
  const clusterIp = clusterIpOf(service, family);
  if (clusterIp === undefined) return [];
  const sameFamily = (ip: string): boolean => familyOrNone(ip) === family;
  const common = {
    family,
    clusterIp,
    externalIps: unique((spec.externalIPs ?? []).filter(sameFamily)),
    loadBalancerIps: unique(
      (status.loadBalancer.ingress ?? []).flatMap(({ ip = '', ipMode = 'VIP' }) =>
        ipMode === 'VIP' && sameFamily(ip) ? [ip] : [],
      ),
    ),
    sourceRanges: sourceRangesOf(spec.loadBalancerSourceRanges ?? [], family),
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP'
        ? affinitySecondsOf(spec.sessionAffinityConfig?.clientIP?.timeoutSeconds)
        : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: isExternalLocal(service),
    healthCheckNodePort: healthCheckNodePortOf(service),
  };
  return (spec.ports ?? []).flatMap(({ name = '', protocol, port, nodePort = 0 }) => {
    const known = PROTOCOLS.get(protocol ?? 'TCP');
    // the kernel refuses all rules for one number that is none
    if (known === undefined || !isPort(port)) return [];
    return [{ ...common, name, protocol: known, port, nodePort: isPort(nodePort) ? nodePort : undefined }];
  });
}

/** upstream: core/v1 DefaultClientIPServiceAffinitySeconds. */
const DEFAULT_AFFINITY_SECONDS = 10800;
/** upstream: core/v1 MaxClientIPServiceAffinitySeconds. */
const MAX_AFFINITY_SECONDS = 86_400;

function affinitySecondsOf(seconds: number | undefined): number {
  return seconds !== undefined && seconds > 0 && seconds <= MAX_AFFINITY_SECONDS ? seconds : DEFAULT_AFFINITY_SECONDS;
}

/** A number that ports have. Validation sees to that, but for what is written past the API server. */
export function isPort(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value > 0 && value < 65_536;
}

/** Whether anything but the cluster IP leads to the port. */
export function isExternallyAccessible(port: ServicePort): boolean {
  return port.nodePort !== undefined || port.loadBalancerIps.length > 0 || port.externalIps.length > 0;
}

function isExternalLocal({ spec }: Service): boolean {
  const isExternal =
    spec.type === 'LoadBalancer' ||
    spec.type === 'NodePort' ||
    (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
  return isExternal && spec.externalTrafficPolicy === 'Local';
}

function clusterIpOf({ spec }: Service, family: IpFamily): string | undefined {
  if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return undefined;
  const ips = spec.clusterIPs === undefined || spec.clusterIPs.length === 0 ? [spec.clusterIP ?? ''] : spec.clusterIPs;
  return ips.find(ip => familyOrNone(ip) === family);
}

/** Validation once let blanks around them through; a range that is everything is as good as none at all. */
function sourceRangesOf(ranges: readonly string[], family: IpFamily): readonly string[] {
  const cidrs = minimalCidrs(
    ranges.map(range => range.trim()),
    family,
  );
  return cidrs.some(cidr => cidr.endsWith('/0')) ? [] : cidrs;
}

function familyOrNone(ip: string): IpFamily | undefined {
  try {
    return ip === '' || ip === 'None' ? undefined : ipFamily(ip);
  } catch {
    return undefined;
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
/** Where a load balancer asks whether this node has endpoints; undefined where nobody asks. */
export function healthCheckNodePortOf(service: Service): number | undefined {
  const { type, healthCheckNodePort = 0 } = service.spec;
  return type === 'LoadBalancer' && isExternalLocal(service) && healthCheckNodePort !== 0
    ? healthCheckNodePort
    : undefined;
}
