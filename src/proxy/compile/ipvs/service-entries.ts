import { ipToBigInt } from '../../../base/cidr.ts';
import { isIn } from '../../../base/cidr-list.ts';
import { type Endpoint, endpointKey } from '../../desired/endpoint.ts';
import type { NodeSettings } from '../../desired/node-settings.ts';
import type { Protocol } from '../../desired/service-port.ts';
import type { CompiledPort, CompiledService } from '../compiled-service.ts';
import type { Element } from '../element.ts';
import type { SetId } from './sets.ts';
import { serverKey, serverText, type VirtualServer } from './virtual-server.ts';

/** Containers beside the sets. */
export const SERVERS = 'servers';
export const ADDRESSES = 'addresses';
/** Load balancers' addresses that this node itself may not use: `ip,protocol:port`. */
export const CLOSED_TO_NODE = 'closed-to-node';

export interface EntrySettings extends NodeSettings {
  readonly scheduler: string;
}

const NODE_PORT_SETS: Readonly<Record<Protocol, { readonly all: SetId; readonly local: SetId }>> = {
  tcp: { all: 'nodePortTcp', local: 'nodePortLocalTcp' },
  udp: { all: 'nodePortUdp', local: 'nodePortLocalUdp' },
  sctp: { all: 'nodePortSctp', local: 'nodePortLocalSctp' },
};

/** Everything that stands in ipsets, in IPVS and on its device for a service. */
export function serviceEntries({ ports }: CompiledService, settings: EntrySettings): Element[] {
  return ports.flatMap(port => [...portEntries(port, settings)]);
}

function* portEntries(compiled: CompiledPort, settings: EntrySettings): Generator<Element> {
  const { port, usable, endpoints } = compiled;
  const { protocol, clusterIp, externalIps, loadBalancerIps, nodePort, externalLocal, healthCheckNodePort } = port;
  for (const { ip, port: number, isLocal } of endpoints)
    if (isLocal) yield member('loopBack', `${ip},${protocol}:${number},${ip}`);

  // without an endpoint here, a policy that keeps to the node leads nowhere, and IPVS refuses
  yield member('clusterIp', `${clusterIp},${protocol}:${port.port}`);
  yield* served(compiled, settings, clusterIp, port.port, port.internalLocal ? usable.local : usable.cluster);

  // pods and programs of this node reach all endpoints where none is here; outsiders are kept out by a rule
  const isElsewhere = externalLocal && usable.hasAny && usable.local.length === 0;
  const external = externalLocal && !isElsewhere ? usable.local : usable.cluster;
  for (const ip of externalIps) {
    yield member(externalLocal ? 'externalIpLocal' : 'externalIp', `${ip},${protocol}:${port.port}`);
    yield* served(compiled, settings, ip, port.port, external);
  }
  for (const ip of loadBalancerIps) {
    const entry = `${ip},${protocol}:${port.port}`;
    yield member('loadBalancer', entry);
    if (externalLocal) yield member('loadBalancerLocal', entry);
    yield* firewall(compiled, settings, ip);
    yield* served(compiled, settings, ip, port.port, external);
  }
  if (isElsewhere)
    for (const ip of [...externalIps, ...loadBalancerIps]) yield member('elsewhere', `${ip},${protocol}:${port.port}`);
  if (nodePort !== undefined) yield* nodePortEntries(compiled, settings, nodePort, external, isElsewhere);
  if (healthCheckNodePort !== undefined) yield member('healthCheckNodePort', String(healthCheckNodePort));
}

function* nodePortEntries(
  compiled: CompiledPort,
  settings: EntrySettings,
  nodePort: number,
  endpoints: readonly Endpoint[],
  isElsewhere: boolean,
): Generator<Element> {
  const { protocol, externalLocal } = compiled.port;
  const { all, local } = NODE_PORT_SETS[protocol];
  const ips = settings.nodePorts === 'everywhere' ? settings.machineIps : settings.nodePorts;
  const entries = protocol === 'sctp' ? ips.map(ip => `${ip},sctp:${nodePort}`) : [String(nodePort)];
  for (const entry of entries) {
    yield member(all, entry);
    if (externalLocal) yield member(local, entry);
  }
  for (const ip of ips) {
    yield* served(compiled, settings, ip, nodePort, endpoints);
    if (isElsewhere) yield member('elsewhere', `${ip},${protocol}:${nodePort}`);
  }
}

/** The virtual server of an address and port, and the address on the device unless another has it. */
function* served(
  { port }: CompiledPort,
  { scheduler, machineIps }: EntrySettings,
  ip: string,
  number: number,
  endpoints: readonly Endpoint[],
): Generator<Element> {
  const server: VirtualServer = {
    protocol: port.protocol,
    ip,
    port: number,
    scheduler,
    persistentSeconds: port.affinitySeconds ?? 0,
  };
  const reals = [...new Map(endpoints.map(each => [endpointKey(each), each])).values()];
  yield { container: SERVERS, key: serverKey(server), value: serverText(server, reals) };
  if (machineIps.includes(ip)) return;
  yield { container: ADDRESSES, key: ip };
  yield member('ipvsIps', ip);
}

function* firewall({ port }: CompiledPort, { nodeIps, family }: EntrySettings, ip: string): Generator<Element> {
  const { sourceRanges, protocol } = port;
  if (sourceRanges.length === 0) return;
  const entry = `${ip},${protocol}:${port.port}`;
  yield member('loadBalancerFw', entry);
  // ipset writes a network of one address as the address
  for (const range of sourceRanges)
    yield member('loadBalancerSourceCidr', `${entry},${range.replace(family === 4 ? /\/32$/ : /\/128$/, '')}`);
  // the address is one of the machine's own, and what the kernel takes for its connections there
  if (nodeIps.some(each => isIn(ipToBigInt(each), family, sourceRanges)))
    yield member('loadBalancerSourceIp', `${entry},${ip}`);
  else yield { container: CLOSED_TO_NODE, key: entry };
}

function member(set: SetId, key: string): Element {
  return { container: set, key };
}
