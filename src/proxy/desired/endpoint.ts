import type { EndpointSlice, Endpoint as SliceEndpoint } from '../../api/types/gen/discovery-v1.ts';
import { canonicalIp, type IpFamily } from '../../base/cidr.ts';
import { isPort, type ServicePort } from './service-port.ts';

/** An address and port that serves a port of a service. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** On this node. */
  readonly isLocal: boolean;
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

/** How an endpoint is known: two of the same key are the same place. */
export function endpointKey({ ip, port }: { readonly ip: string; readonly port: number }): string {
  return `${ip} . ${port}`;
}

/**
 * The endpoints of a port as the slices of its service tell them, sorted by key. Slices without the port's name say nothing about it. One that stands in
 * several (it moves from one to another, or its address was taken over) is there once, alive rather than terminating.
 */
export function endpointsOf(slices: readonly EndpointSlice[], port: ServicePort, nodeName: string): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of slices.toSorted((a, b) => compare(a.metadata.name ?? '', b.metadata.name ?? ''))) {
    if (slice.addressType !== ADDRESS_TYPES[port.family]) continue;
    for (const { name, protocol = 'TCP', port: number } of slice.ports ?? []) {
      if ((name ?? '') !== port.name || protocol.toLowerCase() !== port.protocol) continue;
      if (!isPort(number)) continue;
      for (const raw of slice.endpoints ?? []) {
        const endpoint = endpointOf(raw, number, nodeName);
        if (endpoint === undefined) continue;
        const key = endpointKey(endpoint);
        if (!found.has(key) || !endpoint.terminating) found.set(key, endpoint);
      }
    }
  }
  return [...found].sort(([a], [b]) => compare(a, b)).map(([, endpoint]) => endpoint);
}

const ADDRESS_TYPES: Readonly<Record<IpFamily, string>> = { 4: 'IPv4', 6: 'IPv6' };

function endpointOf(raw: SliceEndpoint, port: number, nodeName: string): Endpoint | undefined {
  // null is how Go writes a list without elements
  const [address] = raw.addresses ?? [];
  const ip = address === undefined ? undefined : canonicalOrNone(address);
  if (ip === undefined) return undefined;
  const { ready = true, serving = true, terminating = false } = raw.conditions;
  return {
    ip,
    port,
    ready,
    serving,
    terminating,
    isLocal: nodeName !== '' && raw.nodeName === nodeName,
    zoneHints: (raw.hints?.forZones ?? []).map(({ name }) => name),
    nodeHints: (raw.hints?.forNodes ?? []).map(({ name }) => name),
  };
}

function canonicalOrNone(address: string): string | undefined {
  try {
    return canonicalIp(address);
  } catch {
    return undefined;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
