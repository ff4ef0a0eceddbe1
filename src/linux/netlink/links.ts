import {
  type Bridge,
  formatBridge,
  formatBridgePort,
  formatInfo,
  formatLinkAttrs,
  formatVethInfo,
  type LinkAttrs,
  parseInfo,
} from 'netlink/dist/rt/ifla.js';
import { formatLink, parseLinkMessage } from 'netlink/dist/rt/structs.js';
import { AttrStream, formatAttribute, type StreamData } from 'netlink/dist/structs.js';
import { FLAG_CREATE, FLAG_EXCL, NetlinkError, type NetlinkSocket } from './socket.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const IFLA_PROTINFO = 12;
const AF_BRIDGE = 7;
/** The bridge port state in which no frame is taken in or handed out (BR_STATE_DISABLED, linux/if_bridge.h). */
const PORT_DISABLED = 0;
/** IF_OPER_UP (linux/if.h, RFC 2863). */
const OPERSTATE_UP = 6;
/** The group of links that `deleteLinks` is about to delete: a number that nobody else has reason to choose ("gant" in ASCII). */
const DOOMED_GROUP = 0x67616e74;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /**
   * It has a carrier and the kernel has acted on that: before, what is sent is thrown away and a bridge port is closed. The kernel does it in the background, after whoever holds the
   * lock of all links; from Linux 6.8 on it does it for the link that is asked for, before it answers.
   */
  readonly operational: boolean;
  readonly mtu: number;
  /** Six hex pairs with colons, empty for links without one. */
  readonly mac: string;
  /** `bridge`, `veth`, …; empty for what has no kind (lo, real cards). */
  readonly kind: string;
  /** The index of the bridge it is a port of. */
  readonly master: number | undefined;
}

export interface VethOptions {
  readonly name: string;
  readonly mtu: number | undefined;
  /** The index of the bridge that the near end becomes a port of. */
  readonly master: number | undefined;
  readonly peer: { readonly name: string; readonly mac: string; readonly netnsFd: number };
}

/** The link of that name or index, undefined when there is none. */
export function getLink(socket: NetlinkSocket, key: string | number): Link | undefined {
  const body = linkBody(
    typeof key === 'number' ? { index: key } : {},
    typeof key === 'string' ? { ifname: key } : undefined,
  );
  try {
    const [message] = socket.request(`get link ${key}`, RTM_GETLINK, body);
    return message === undefined ? undefined : parseLink(message.data);
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENODEV') return undefined;
    throw error;
  }
}

export function listLinks(socket: NetlinkSocket): Link[] {
  return socket.dump('list links', RTM_GETLINK, linkBody({}, undefined)).map(message => parseLink(message.data));
}

/** Makes a bridge with a fixed MAC (it then keeps it, whichever ports come and go), up. Throws EEXIST. */
export function createBridge(
  socket: NetlinkSocket,
  options: { name: string; mtu: number | undefined; mac: string },
): void {
  const data: Bridge = {};
  const linkinfo = bytes(formatInfo({ kind: 'bridge', data: bytes(formatBridge(data)) }));
  const attributes = { ifname: options.name, address: macBytes(options.mac), ...mtuOf(options.mtu), linkinfo };
  const body = linkBody({ flags: { up: true }, change: { up: true } }, attributes);
  socket.request(`create bridge ${options.name}`, RTM_NEWLINK, body, FLAG_CREATE | FLAG_EXCL);
}

/**
 * Makes a veth pair in one request: the near end here, up and a port of `master`; the peer at once under its final name, MAC and MTU in another
 * namespace, still down. Throws EEXIST when either name is taken.
 */
export function createVeth(socket: NetlinkSocket, options: VethOptions): void {
  const peerAttributes = {
    ifname: options.peer.name,
    address: macBytes(options.peer.mac),
    netNsFd: options.peer.netnsFd,
    ...mtuOf(options.mtu),
  };
  const peer = Buffer.concat([formatLink({}), bytes(formatLinkAttrs(peerAttributes))]);
  const linkinfo = bytes(formatInfo({ kind: 'veth', data: bytes(formatVethInfo({ peer })) }));
  const attributes = {
    ifname: options.name,
    ...mtuOf(options.mtu),
    ...(options.master === undefined ? {} : { master: options.master }),
    linkinfo,
  };
  const body = linkBody({ flags: { up: true }, change: { up: true } }, attributes);
  socket.request(`create veth ${options.name}`, RTM_NEWLINK, body, FLAG_CREATE | FLAG_EXCL);
}

/** Makes an intermediate functional block, up: what is redirected there comes back through its queue. EEXIST comes through. */
export function createIfb(socket: NetlinkSocket, name: string): void {
  const linkinfo = bytes(formatInfo({ kind: 'ifb' }));
  const body = linkBody({ flags: { up: true }, change: { up: true } }, { ifname: name, linkinfo });
  socket.request(`create ifb ${name}`, RTM_NEWLINK, body, FLAG_CREATE | FLAG_EXCL);
}

/** Makes a dummy link, down: its addresses are the machine's own all the same, and nothing leaves by it. EEXIST comes through. */
export function createDummy(socket: NetlinkSocket, name: string): void {
  const linkinfo = bytes(formatInfo({ kind: 'dummy' }));
  socket.request(
    `create dummy ${name}`,
    RTM_NEWLINK,
    linkBody({}, { ifname: name, linkinfo }),
    FLAG_CREATE | FLAG_EXCL,
  );
}

export function setLinkUp(socket: NetlinkSocket, index: number): void {
  socket.request(`set link ${index} up`, RTM_SETLINK, linkBody({ index, flags: { up: true }, change: { up: true } }));
}

/** Lets frames go out of the port they came in by: what a pod needs to reach itself through a service address. */
export function setHairpin(socket: NetlinkSocket, name: string): void {
  const linkinfo = bytes(formatInfo({ slaveKind: 'bridge', slaveData: bytes(formatBridgePort({ mode: 1 })) }));
  socket.request(`set hairpin on ${name}`, RTM_NEWLINK, linkBody({}, { ifname: name, linkinfo }));
}

/**
 * Makes a bridge port deaf and mute at once (no waiting for RCU as taking it down or away would). It stays so until its carrier goes and comes.
 * Sent in the bridge's own family: through the link family the kernel accepts the state and puts it back.
 */
export function disablePort(socket: NetlinkSocket, link: Link): void {
  const protinfo = formatAttribute({
    type: IFLA_PROTINFO,
    nested: true,
    data: bytes(formatBridgePort({ state: PORT_DISABLED })),
  });
  const header = formatLink({ family: AF_BRIDGE, index: link.index });
  socket.request(`disable bridge port ${link.name}`, RTM_SETLINK, [header, ...protinfo]);
}

/**
 * Removes a link (a veth with its peer). Missing is fine. The kernel waits for RCU inside: 16 to 20 ms in which the calling thread stands, so hot
 * paths leave it to the end of a namespace.
 */
export function deleteLink(socket: NetlinkSocket, name: string): void {
  try {
    socket.request(`delete link ${name}`, RTM_DELLINK, linkBody({}, { ifname: name }));
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'ENODEV')) throw error;
  }
}

/**
 * Removes links all at once, in one wait for RCU: six take 27 ms where one takes 20. Those that are missing are fine. They are put into a group of ours and the group is
 * deleted; one that a killed caller had put there before goes too.
 */
export function deleteLinks(socket: NetlinkSocket, names: readonly string[]): void {
  let found = 0;
  for (const name of names) {
    try {
      socket.request(`move link ${name}`, RTM_SETLINK, linkBody({}, { ifname: name, group: DOOMED_GROUP }));
      found += 1;
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === 'ENODEV')) throw error;
    }
  }
  if (found === 0) return;
  try {
    socket.request('delete links', RTM_DELLINK, linkBody({}, { group: DOOMED_GROUP }));
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'ENODEV')) throw error;
  }
}

function parseLink(data: Buffer): Link {
  const message = parseLinkMessage(data);
  return {
    index: message.data.index ?? 0,
    name: message.attrs.ifname ?? '',
    up: message.data.flags?.up === true,
    operational: message.attrs.operstate === OPERSTATE_UP,
    mtu: message.attrs.mtu ?? 0,
    mac: message.attrs.address?.toString('hex').replace(/(..)(?=.)/g, '$1:') ?? '',
    kind: message.attrs.linkinfo === undefined ? '' : (parseInfo(message.attrs.linkinfo).kind ?? ''),
    master: message.attrs.master,
  };
}

function linkBody(data: Parameters<typeof formatLink>[0], attributes?: LinkAttrs): Uint8Array[] {
  return attributes === undefined ? [formatLink(data)] : [formatLink(data), bytes(formatLinkAttrs(attributes))];
}

function mtuOf(mtu: number | undefined): { mtu?: number } {
  return mtu === undefined || mtu === 0 ? {} : { mtu };
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

function bytes(data: StreamData): Buffer {
  const out = new AttrStream();
  out.emit(data);
  return Buffer.concat(out.bufs);
}
