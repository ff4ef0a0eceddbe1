import { bigIntToIp, type IpFamily } from '../../base/cidr.ts';
import { attribute, attributes, NESTED, nested, uint32 } from './attributes.ts';
import { NetlinkError, type NetlinkSocket } from './socket.ts';

const SUBSYSTEM_CTNETLINK = 1 << 8;
const CT_GET = SUBSYSTEM_CTNETLINK | 1;
const CT_DELETE = SUBSYSTEM_CTNETLINK | 2;
const AF: Readonly<Record<IpFamily, number>> = { 4: 2, 6: 10 };
const PROTOCOL_UDP = 17;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** What of the tuple a dump is filtered by (nf_internals.h): the protocol, its destination port. */
const FILTER_PROTOCOL = 1 << 3;
const FILTER_DESTINATION_PORT = 1 << 5;

/** A flow of UDP that the kernel tracks. */
export interface UdpFlow {
  readonly family: IpFamily;
  /** Where the first packet was sent to, before any translation. */
  readonly destination: string;
  readonly destinationPort: number;
  /** Who answers. */
  readonly answeredBy: string;
  readonly answeredFromPort: number;
  /** The kernel's words for it, by which it is deleted. */
  readonly original: Buffer;
  readonly id: Buffer;
}

/**
 * The tracked flows of UDP whose first packet went to a port; all of them where none is told. The socket is one of NETLINK_NETFILTER. The kernel picks them
 * out (from 5.8 on; others return all, which are picked out here).
 */
export function listUdpFlows(socket: NetlinkSocket, family: IpFamily, port?: number): UdpFlow[] {
  return parsed(socket.dump('list tracked flows', CT_GET, dumpBody(family, port)), family, port);
}

/** The same some hundred at a time, for a caller that lets others have their turn in between. The socket can do nothing else meanwhile. */
export function* udpFlowParts(socket: NetlinkSocket, family: IpFamily, port: number): Generator<UdpFlow[]> {
  for (const messages of socket.parts('list tracked flows', CT_GET, dumpBody(family, port)))
    yield parsed(messages, family, port);
}

function dumpBody(family: IpFamily, port: number | undefined): Buffer[] {
  const number = Buffer.from([PROTOCOL_UDP]);
  const protocol = [attribute(CTA_PROTO_NUM, number), ...(port === undefined ? [] : [destinationPort(port)])];
  const flags = port === undefined ? FILTER_PROTOCOL : FILTER_PROTOCOL | FILTER_DESTINATION_PORT;
  return [
    header(family),
    nested(CTA_TUPLE_ORIG, [nested(CTA_TUPLE_PROTO, protocol)]),
    nested(CTA_FILTER, [attribute(CTA_FILTER_ORIG_FLAGS, uint32(flags)), attribute(CTA_FILTER_REPLY_FLAGS, uint32(0))]),
  ];
}

function parsed(messages: readonly { readonly data: Buffer }[], family: IpFamily, port: number | undefined): UdpFlow[] {
  return messages.flatMap(({ data }) => {
    const flow = parseFlow(data.subarray(4), family);
    return flow === undefined || (port !== undefined && flow.destinationPort !== port) ? [] : [flow];
  });
}

/** Forgets exactly this flow; one that is gone is fine. False where it was gone. */
export function deleteUdpFlow(socket: NetlinkSocket, flow: UdpFlow): boolean {
  try {
    const body = [header(flow.family), attribute(CTA_TUPLE_ORIG | NESTED, flow.original), attribute(CTA_ID, flow.id)];
    socket.request('delete tracked flow', CT_DELETE, body);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
    throw error;
  }
}

function parseFlow(data: Buffer, family: IpFamily): UdpFlow | undefined {
  const all = attributes(data);
  const original = all.get(CTA_TUPLE_ORIG);
  const reply = all.get(CTA_TUPLE_REPLY);
  const id = all.get(CTA_ID);
  if (original === undefined || reply === undefined || id === undefined) return undefined;
  const to = parseTuple(original, family);
  const back = parseTuple(reply, family);
  if (to === undefined || back === undefined || to.protocol !== PROTOCOL_UDP) return undefined;
  return {
    family,
    destination: to.destination,
    destinationPort: to.destinationPort,
    answeredBy: back.source,
    answeredFromPort: back.sourcePort,
    original,
    id,
  };
}

interface Tuple {
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

function parseTuple(data: Buffer, family: IpFamily): Tuple | undefined {
  const parts = attributes(data);
  const ips = attributes(parts.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const protocol = attributes(parts.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  // CTA_IP_V4_SRC and _DST, then those of IPv6; CTA_PROTO_SRC_PORT and _DST_PORT
  const [source, destination] = family === 4 ? [ips.get(1), ips.get(2)] : [ips.get(3), ips.get(4)];
  const [number, from, to] = [protocol.get(CTA_PROTO_NUM), protocol.get(2), protocol.get(CTA_PROTO_DST_PORT)];
  if (source === undefined || destination === undefined || number === undefined) return undefined;
  const text = (ip: Buffer): string => bigIntToIp(BigInt(`0x${ip.toString('hex')}`), family);
  return {
    protocol: number[0] ?? 0,
    source: text(source),
    sourcePort: from?.readUInt16BE(0) ?? 0,
    destination: text(destination),
    destinationPort: to?.readUInt16BE(0) ?? 0,
  };
}

function header(family: IpFamily): Buffer {
  return Buffer.from([AF[family], 0, 0, 0]);
}

function destinationPort(port: number): Buffer {
  const value = Buffer.alloc(2);
  value.writeUInt16BE(port);
  return attribute(CTA_PROTO_DST_PORT, value);
}
