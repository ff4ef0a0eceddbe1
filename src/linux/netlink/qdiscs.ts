import { attribute, attributes, nested, textAttribute, uint32 } from './attributes.ts';
import { FLAG_CREATE, FLAG_EXCL, type NetlinkSocket } from './socket.ts';

const RTM_NEWQDISC = 36;
const RTM_GETQDISC = 38;
const RTM_NEWTFILTER = 44;
const RTM_GETTFILTER = 46;
const FLAG_REPLACE = 0x100;

const ROOT = 0xffffffff;
/** TC_H_CLSACT (its handle and parent), and the hook of what comes in under it. */
const CLSACT_HANDLE = 0xffff0000;
const CLSACT_PARENT = 0xfffffff1;
const CLSACT_INGRESS = 0xfffffff2;
const BUCKET_HANDLE = 0x00010000;

const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_BURST = 6;
/** TC_LINKLAYER_ETHERNET: with it the kernel reckons by itself instead of with a table of ours. */
const LINKLAYER_ETHERNET = 1;
const TCA_U32_SEL = 5;
const TCA_U32_ACT = 7;
/** TC_U32_TERMINAL: what matches is decided. */
const TERMINAL = 1;
const TCA_ACT_KIND = 1;
const TCA_ACT_OPTIONS = 2;
const TCA_MIRRED_PARMS = 2;
/** TC_ACT_STOLEN and TCA_EGRESS_REDIR: the packet goes out of the other link and nowhere else. */
const STOLEN = 4;
const EGRESS_REDIRECT = 1;
const ETH_P_ALL_BE = 0x0300;
/** The first and only filter that we put on a link. */
const PRIORITY = 1;
const UINT32_MAX = 0xffffffff;

/** A token bucket (tc-tbf(8)). */
export interface TokenBucket {
  /** Bytes per second. */
  readonly rate: number;
  /** Bytes that may go at once after a pause; no frame may be longer. */
  readonly burst: number;
  /** Bytes that may wait; the next frames are dropped. */
  readonly limit: number;
}

/**
 * Lets a link send no more than the bucket gives: it replaces whatever queue the link has. Longer packets that the kernel has put together (GSO) are cut first.
 * Safe to repeat. Throws NetlinkError; ENOENT is a kernel without `sch_tbf`.
 */
export function setTokenBucket(socket: NetlinkSocket, linkIndex: number, bucket: TokenBucket): void {
  const { rate, burst, limit } = bucket;
  // struct tc_tbf_qopt: two of struct tc_ratespec (12 bytes each), limit, buffer, mtu
  const parameters = Buffer.alloc(36);
  parameters.writeUInt8(LINKLAYER_ETHERNET, 1);
  parameters.writeUInt32LE(Math.min(rate, UINT32_MAX), 8);
  parameters.writeUInt32LE(limit, 24);
  const options = [
    attribute(TCA_TBF_PARMS, parameters),
    attribute(TCA_TBF_BURST, uint32(burst)),
    ...(rate > UINT32_MAX ? [attribute(TCA_TBF_RATE64, uint64(rate))] : []),
  ];
  const body = [
    trafficControl(linkIndex, BUCKET_HANDLE, ROOT),
    textAttribute(TCA_KIND, 'tbf'),
    nested(TCA_OPTIONS, options),
  ];
  socket.request(`set token bucket on link ${linkIndex}`, RTM_NEWQDISC, body, FLAG_CREATE | FLAG_REPLACE);
}

/** Rate and limit of the token bucket of a link, undefined when it has another queue or is gone. Lists the queues of all links. */
export function getTokenBucket(
  socket: NetlinkSocket,
  linkIndex: number,
): Pick<TokenBucket, 'rate' | 'limit'> | undefined {
  for (const { data } of socket.dump('list queues', RTM_GETQDISC, [trafficControl(linkIndex, 0, 0)])) {
    const all = attributes(data.subarray(20));
    const isIt = data.readInt32LE(4) === linkIndex && data.readUInt32LE(12) === ROOT;
    if (!isIt || all.get(TCA_KIND)?.toString('utf8') !== 'tbf\0') continue;
    const options = attributes(all.get(TCA_OPTIONS) ?? Buffer.alloc(0));
    const parameters = options.get(TCA_TBF_PARMS);
    if (parameters === undefined) return undefined;
    const rate64 = options.get(TCA_TBF_RATE64);
    const rate = rate64 === undefined ? parameters.readUInt32LE(8) : Number(rate64.readBigUInt64LE(0));
    return { rate, limit: parameters.readUInt32LE(24) };
  }
  return undefined;
}

/**
 * Sends all that comes in on a link through the queue of another (an ifb), from where it goes on as if it had just come in. For a link that has no filters yet. Throws
 * NetlinkError; ENOENT is a kernel without `sch_ingress`, `cls_u32` or `act_mirred`.
 */
export function redirectIngress(socket: NetlinkSocket, linkIndex: number, to: number): void {
  const clsact = [trafficControl(linkIndex, CLSACT_HANDLE, CLSACT_PARENT), textAttribute(TCA_KIND, 'clsact')];
  socket.request(`add clsact to link ${linkIndex}`, RTM_NEWQDISC, clsact, FLAG_CREATE | FLAG_EXCL);
  // struct tc_u32_sel with one key of which no bit counts
  const selector = Buffer.alloc(32);
  selector.writeUInt8(TERMINAL, 0);
  selector.writeUInt8(1, 2);
  // struct tc_mirred: index, capabilities, action, reference counts, what to do, link
  const redirect = Buffer.alloc(28);
  redirect.writeInt32LE(STOLEN, 8);
  redirect.writeInt32LE(EGRESS_REDIRECT, 20);
  redirect.writeUInt32LE(to, 24);
  const action = [
    textAttribute(TCA_ACT_KIND, 'mirred'),
    nested(TCA_ACT_OPTIONS, [attribute(TCA_MIRRED_PARMS, redirect)]),
  ];
  const filter = [
    trafficControl(linkIndex, 0, CLSACT_INGRESS, PRIORITY * 0x10000 + ETH_P_ALL_BE),
    textAttribute(TCA_KIND, 'u32'),
    nested(TCA_OPTIONS, [attribute(TCA_U32_SEL, selector), nested(TCA_U32_ACT, [nested(1, action)])]),
  ];
  socket.request(`redirect from link ${linkIndex}`, RTM_NEWTFILTER, filter, FLAG_CREATE | FLAG_EXCL);
}

/** The links that what comes in on a link is redirected to by u32 filters. */
export function ingressRedirects(socket: NetlinkSocket, linkIndex: number): number[] {
  const body = [trafficControl(linkIndex, 0, CLSACT_INGRESS)];
  return socket.dump(`list filters of link ${linkIndex}`, RTM_GETTFILTER, body).flatMap(({ data }) => {
    const options = attributes(attributes(data.subarray(20)).get(TCA_OPTIONS) ?? Buffer.alloc(0));
    const action = attributes(attributes(options.get(TCA_U32_ACT) ?? Buffer.alloc(0)).get(1) ?? Buffer.alloc(0));
    const mirred = attributes(action.get(TCA_ACT_OPTIONS) ?? Buffer.alloc(0)).get(TCA_MIRRED_PARMS);
    return mirred === undefined ? [] : [mirred.readUInt32LE(24)];
  });
}

/** struct tcmsg */
function trafficControl(linkIndex: number, handle: number, parent: number, info = 0): Buffer {
  const header = Buffer.alloc(20);
  header.writeInt32LE(linkIndex, 4);
  header.writeUInt32LE(handle, 8);
  header.writeUInt32LE(parent, 12);
  header.writeUInt32LE(info, 16);
  return header;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
