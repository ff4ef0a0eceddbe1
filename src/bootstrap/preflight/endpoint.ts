import { createSocket } from 'node:dgram';
import { isIP, isIPv4 } from 'node:net';
import { error, type Finding, warning } from './finding.ts';
import { lookUpName, type NameLookup } from './host-name.ts';

/** `host:port` by which nodes and people are to reach the cluster. */
export interface EndpointNeed {
  readonly endpoint: string;
  /** Of the API server of this machine. */
  readonly advertiseAddress: string;
  /** A control plane stands here that goes by it: what mends it otherwise is not to be refused. */
  readonly stands: boolean;
}

/** An endpoint that nothing of this machine can reach, whoever serves there. */
export interface EndpointFacts extends EndpointNeed {
  /** Its name, or its address without brackets. */
  readonly host: string;
  /** Without `because` the name is known, or is an address, and there is no way to any of `addresses`. */
  readonly because: string | undefined;
  readonly addresses: readonly string[];
}

/** Longer than the C library waits for the first of several name servers. */
const LOOKUP_PATIENCE_MS = 5000;
const ANY_PORT = 6443;

/** Whether a connection to the endpoint could be begun from here; undefined where it could. Sends nothing there: nobody serves yet. */
export async function readEndpoint(
  need: EndpointNeed,
  lookUp: (name: string, patienceMs: number) => Promise<NameLookup> = lookUpName,
): Promise<EndpointFacts | undefined> {
  const host = endpointHost(need.endpoint);
  const { addresses, problem } =
    isIP(host) === 0 ? await lookUp(host, LOOKUP_PATIENCE_MS) : { addresses: [host], problem: undefined };
  if (problem !== undefined) return { ...need, host, because: problem, addresses: [] };
  const routed = await Promise.all(addresses.map(hasRoute));
  return addresses.length === 0 || routed.includes(true) ? undefined : { ...need, host, because: undefined, addresses };
}

/** Of `host:port`, without the brackets of an IPv6 address. Pure. */
export function endpointHost(endpoint: string): string {
  return endpoint.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

/** kubeadm has no such check: its kubelet asks that endpoint without end. What it would need is `mend`. Pure. */
export function endpointFindings(facts: EndpointFacts): readonly Finding[] {
  const { endpoint, because, host, addresses } = facts;
  const message =
    because === undefined
      ? `there is no route to the control-plane endpoint ${endpoint}${addresses.includes(host) ? '' : ` (${addresses.join(', ')})`}, by which nodes, this one too, ask the API server`
      : `the name ${host} of the control-plane endpoint ${endpoint}, by which nodes, this one too, ask the API server, does not resolve here: ${because}`;
  return [(facts.stands ? warning : error)('ControlPlaneEndpoint', message, endpointMend(facts))];
}

/** What makes it reachable from here. Pure. */
export function endpointMend({ host, because, addresses, advertiseAddress }: EndpointFacts): string {
  if (because === undefined)
    return `"ip route get ${addresses[0]}" shows what the kernel knows: add a route, or set up the link that leads there`;
  return `give it an address in your DNS, or in /etc/hosts of each node; where that is the one of this machine: echo "${advertiseAddress} ${host}" >>/etc/hosts`;
}

/** A datagram socket that is connected has chosen its way, and sent nothing. */
function hasRoute(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
    const end = (found: boolean): void => void socket.close(() => resolve(found));
    socket.once('error', () => end(false));
    // no callback: given one, a failure is told to it alone
    socket.once('connect', () => end(true));
    socket.connect(ANY_PORT, address);
  });
}
