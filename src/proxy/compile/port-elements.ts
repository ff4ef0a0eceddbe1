import { ipToBigInt } from '../../base/cidr.ts';
import { isIn, minimalCidrs } from '../../base/cidr-list.ts';
import { endpointKey } from '../desired/endpoint.ts';
import type { ServicePort } from '../desired/service-port.ts';
import type { UsableEndpoints } from '../desired/usable-endpoints.ts';
import { choiceName } from './chains.ts';
import type { Element, Scope } from './element.ts';
import { classId, stickyIds } from './slots.ts';

/** The endpoints of a port by number, as `assignSlots` gave them. */
export interface PortSlots {
  readonly cluster: readonly string[];
  readonly local: readonly string[];
}

export interface PortInput {
  readonly port: ServicePort;
  readonly usable: UsableEndpoints;
  readonly slots: PortSlots;
  /** The addresses of this node, for source ranges that hold them. */
  readonly nodeIps: readonly string[];
}

export const REJECT_CHAIN = 'reject-chain';
export const EXTERNAL_SERVICE_CHAIN = 'external-service';
export const EXTERNAL_NODE_PORT_CHAIN = 'external-node-port';

/** Everything that stands in sets and maps for a service. `nodeIps`: the addresses of this node, for source ranges that hold them. */
export function serviceElements(
  { ports }: { readonly ports: readonly Omit<PortInput, 'nodeIps'>[] },
  nodeIps: readonly string[],
): Element[] {
  return ports.flatMap(port => portElements({ ...port, nodeIps }));
}

function portElements(input: PortInput): Element[] {
  const { port, usable } = input;
  const { protocol, nodePort } = port;
  const elements: Element[] = [
    { container: 'cluster-ips', key: port.clusterIp },
    ...internal(input),
    ...[...port.externalIps, ...port.loadBalancerIps].flatMap(ip => external(input, SERVICE, addressKey(port, ip))),
    ...firewall(input),
  ];
  if (nodePort !== undefined) elements.push(...external(input, NODE_PORT, `${protocol} . ${nodePort}`));
  for (const { ip, port: number, isLocal } of [...usable.cluster, ...usable.local])
    if (isLocal) elements.push({ container: 'hairpin-connections', key: `${ip} . ${ip} . ${protocol} . ${number}` });
  return elements;
}

interface Front {
  readonly dispatch: string;
  readonly all: Scope;
  readonly local: Scope;
  readonly localChain: string;
  readonly withoutEndpoints: string;
}

const SERVICE: Front = {
  dispatch: 'services',
  all: 'service',
  local: 'service-local',
  localChain: EXTERNAL_SERVICE_CHAIN,
  withoutEndpoints: 'no-endpoints',
};
const NODE_PORT: Front = {
  dispatch: 'node-ports',
  all: 'node-port',
  local: 'node-port-local',
  localChain: EXTERNAL_NODE_PORT_CHAIN,
  withoutEndpoints: 'no-endpoint-node-ports',
};

function addressKey({ protocol, port }: ServicePort, ip: string): string {
  return `${ip} . ${protocol} . ${port}`;
}

/** What is sent to the cluster IP. */
function internal({ port, usable, slots }: PortInput): Element[] {
  const key = addressKey(port, port.clusterIp);
  const list = port.internalLocal ? slots.local : slots.cluster;
  if (list.length === 0) return [without(SERVICE, key, usable)];
  return [
    { container: 'services', key, value: `goto ${chain(port, 'service', list, false)}` },
    ...listed(port, 'service', key, list),
  ];
}

/**
 * What comes from outside: to any endpoint, with this node's address; or, where it has to stay on this node, as it is. Pods and programs of this node are
 * inside, whatever address they use, so they reach all endpoints in either case: the chain of such services tells them apart.
 */
function external({ port, usable, slots }: PortInput, front: Front, key: string): Element[] {
  if (!usable.hasAny) return [without(front, key, usable)];
  const goTo = (container: string, target: string): Element => ({ container, key, value: `goto ${target}` });
  if (!port.externalLocal) {
    if (slots.cluster.length === 0) return [];
    return [
      goTo(front.dispatch, chain(port, front.all, slots.cluster, true)),
      ...listed(port, front.all, key, slots.cluster),
    ];
  }
  const elements = [goTo(front.dispatch, front.localChain)];
  if (slots.cluster.length > 0)
    elements.push(
      goTo(`${front.dispatch}-cluster`, chain(port, front.all, slots.cluster, false)),
      ...listed(port, front.all, key, slots.cluster),
    );
  if (slots.local.length === 0) return [...elements, without(front, key, usable)];
  elements.push(
    goTo(`${front.dispatch}-local`, chain(port, front.local, slots.local, false)),
    ...listed(port, front.local, key, slots.local),
  );
  return elements;
}

/** Refused where nobody serves it; dropped where somebody does, elsewhere, so that a load balancer tries another node. */
function without(front: Front, key: string, { hasAny }: UsableEndpoints): Element {
  return { container: front.withoutEndpoints, key, value: hasAny ? 'drop' : `goto ${REJECT_CHAIN}` };
}

function chain(port: ServicePort, scope: Scope, list: readonly string[], masquerade: boolean): string {
  return choiceName({ scope, count: list.length, stickySeconds: port.affinitySeconds, masquerade });
}

function listed(port: ServicePort, scope: Scope, key: string, list: readonly string[]): Element[] {
  if (port.affinitySeconds === undefined)
    return list.map((value, slot) => ({
      container: `${scope}-endpoints`,
      key: `${key} . ${classId(slot)}`,
      value,
    }));
  const ids = stickyIds(list);
  return list.flatMap((value, slot) => {
    const id = classId(ids.get(value) ?? 0);
    return [
      { container: `${scope}-sticky-slots`, key: `${key} . ${classId(slot)}`, value: id },
      { container: `${scope}-sticky-endpoints`, key: `${key} . ${id}`, value },
    ];
  });
}

/**
 * Who may use the addresses of a load balancer. A node that may is let in under such an address too: where it is one of the machine's own, that is what the
 * kernel takes for its connections there.
 */
function firewall({ port, nodeIps }: PortInput): Element[] {
  const { sourceRanges, loadBalancerIps, family } = port;
  if (sourceRanges.length === 0) return [];
  const letsNodeIn = nodeIps.some(ip => isIn(ipToBigInt(ip), family, sourceRanges));
  const own = letsNodeIn ? loadBalancerIps.map(ip => `${ip}/${family === 4 ? 32 : 128}`) : [];
  const allowed = minimalCidrs([...sourceRanges, ...own], family);
  return loadBalancerIps.flatMap(ip => {
    const key = addressKey(port, ip);
    return [
      { container: 'firewalled', key },
      ...allowed.map(cidr => ({ container: 'allowed-sources', key: `${key} . ${cidr}` })),
    ];
  });
}

/** The keys by which endpoints are numbered. */
export function slotKeys({ cluster, local }: UsableEndpoints): PortSlots {
  return { cluster: cluster.map(endpointKey), local: local.map(endpointKey) };
}
