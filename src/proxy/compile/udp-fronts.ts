import { endpointKey } from '../desired/endpoint.ts';
import type { CompiledPort, CompiledService } from './compiled-service.ts';

/** Where datagrams of a service are sent to, and who may answer them. */
export interface UdpFront {
  readonly port: number;
  /** The service's addresses; undefined: the port is one of the node, on any address of the machine. */
  readonly ips: readonly string[] | undefined;
  /** `endpointKey` of every endpoint that still serves, wherever: policies choose for new flows only. */
  readonly serving: ReadonlySet<string>;
}

/**
 * The fronts whose tracked flows may lead to somebody who is gone, from one state of a service to the next: the kernel sends the datagrams of a flow where it
 * sent the first. A front that is given up has nobody who serves it. None where neither fronts nor serving endpoints changed.
 */
export function changedFronts(before: CompiledService | undefined, after: CompiledService): UdpFront[] {
  const old = udpFronts(before);
  const now = udpFronts(after);
  const known = new Set(old.map(textOf));
  const changed = now.filter(front => !known.has(textOf(front)));
  const kept = new Set(now.map(placeOf));
  const gone = old.filter(front => !kept.has(placeOf(front))).map(front => ({ ...front, serving: new Set<string>() }));
  return [...changed, ...gone];
}

function udpFronts(service: CompiledService | undefined): UdpFront[] {
  return (service?.ports ?? []).filter(({ port }) => port.protocol === 'udp').flatMap(frontsOf);
}

function frontsOf({ port, endpoints }: CompiledPort): UdpFront[] {
  const serving = new Set(endpoints.filter(each => each.serving).map(endpointKey));
  const ips = [port.clusterIp, ...port.externalIps, ...port.loadBalancerIps];
  const { nodePort } = port;
  return [
    { port: port.port, ips, serving },
    ...(nodePort === undefined ? [] : [{ port: nodePort, ips: undefined, serving }]),
  ];
}

function placeOf({ port, ips }: UdpFront): string {
  return JSON.stringify([port, ips ?? 'node']);
}

function textOf(front: UdpFront): string {
  return `${placeOf(front)} ${[...front.serving].join()}`;
}

export interface TrackedFlow {
  readonly destination: string;
  readonly destinationPort: number;
  readonly answeredBy: string;
  readonly answeredFromPort: number;
}

/** Whether a flow to the front is answered by nobody who serves it. */
export function isStale(flow: TrackedFlow, { port, ips, serving }: UdpFront, machineIps: ReadonlySet<string>): boolean {
  const isHere = ips === undefined ? machineIps.has(flow.destination) : ips.includes(flow.destination);
  return (
    isHere &&
    flow.destinationPort === port &&
    !serving.has(endpointKey({ ip: flow.answeredBy, port: flow.answeredFromPort }))
  );
}
