import type { Service } from '../../api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { isIp } from '../../base/cidr.ts';
import { lower } from '../wire/types.ts';

export interface PortRecord {
  /** Empty where the port has none, as a single port may. */
  readonly name: string;
  /** In lower case, as SRV names have it. */
  readonly protocol: string;
  readonly port: number;
}

/** One address behind a service. */
export interface EndpointRecord {
  /** Its host name below the service; where it has none, its address with dashes. */
  readonly host: string;
  readonly address: string;
  readonly ports: readonly PortRecord[];
}

/** All that DNS says of one Service. */
export interface ServiceRecords {
  readonly namespace: string;
  readonly name: string;
  /** Empty for a headless service, and for an external one. */
  readonly clusterIPs: readonly string[];
  readonly ports: readonly PortRecord[];
  /** Those that are ready, or that the service publishes nevertheless. */
  readonly endpoints: readonly EndpointRecord[];
  readonly headless: boolean;
  /** Where it is an alias. */
  readonly externalName: string | undefined;
}

const NONE = 'None';

/**
 * What DNS says of `service`, whose endpoints are in `slices` (version 1.1.0 of the specification of DNS for Kubernetes services). A slice says of
 * unready endpoints that they are ready where the service publishes them; an endpoint that does not say counts as ready.
 */
export function serviceRecords(service: Service, slices: readonly EndpointSlice[]): ServiceRecords {
  const { namespace = '', name = '' } = service.metadata;
  const { spec } = service;
  const isAlias = spec?.type === 'ExternalName';
  const all = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  return {
    namespace,
    name,
    clusterIPs: isAlias ? [] : all.filter(isIp),
    ports: isAlias
      ? []
      : (spec?.ports ?? []).map(({ name: port = '', protocol, port: number }) => ({
          name: lower(port),
          protocol: lower(protocol ?? 'TCP'),
          port: number,
        })),
    endpoints: isAlias ? [] : endpointRecords(slices),
    headless: !isAlias && all[0] === NONE,
    externalName: isAlias ? spec?.externalName : undefined,
  };
}

function endpointRecords(slices: readonly EndpointSlice[]): EndpointRecord[] {
  const records = new Map<string, EndpointRecord>();
  // in the order of their names, so that the same state always gives the same records
  for (const slice of [...slices].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))) {
    if (slice.addressType === 'FQDN') continue;
    const ports = (slice.ports ?? []).flatMap(({ name = '', protocol, port }) =>
      port === undefined ? [] : [{ name: lower(name), protocol: lower(protocol ?? 'TCP'), port }],
    );
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      for (const address of (endpoint.addresses ?? []).filter(isIp)) {
        const host = lower(endpoint.hostname ?? '') || dashed(address);
        const known = records.get(`${host} ${address}`);
        // an endpoint that moves from one slice to another is in both for a moment
        records.set(`${host} ${address}`, {
          host,
          address,
          ports: known === undefined ? ports : union(known.ports, ports),
        });
      }
    }
  }
  return [...records.values()];
}

function union(a: readonly PortRecord[], b: readonly PortRecord[]): PortRecord[] {
  const same = (p: PortRecord, q: PortRecord): boolean =>
    p.name === q.name && p.protocol === q.protocol && p.port === q.port;
  return [...a, ...b.filter(port => !a.some(each => same(each, port)))];
}

/** `10-244-1-7`, `fd00--1`: the name of an endpoint that has none of its own. */
function dashed(address: string): string {
  return address.replace(/[.:]/g, '-').toLowerCase();
}
