import { formatAddress, formatAddressAttrs, parseAddressMessage } from 'netlink/dist/rt/structs.js';
import { AttrStream } from 'netlink/dist/structs.js';
import { bigIntToIp, type Cidr, ipBytes, ipFamily, lastAddress, parseCidr } from '../../base/cidr.ts';
import { FLAG_CREATE, FLAG_EXCL, NetlinkError, type NetlinkSocket } from './socket.ts';

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const AF_INET = 2;
const AF_INET6 = 10;

/** Of an address that is good within this machine alone: the kernel never masquerades what leaves for elsewhere, or for itself, as it. IPv6 has no such choice. */
const SCOPE_HOST = 254;

export interface LinkAddress {
  readonly linkIndex: number;
  readonly ip: string;
  readonly prefix: number;
  /** IPv6: duplicate address detection has not ended, so it cannot be used yet. */
  readonly tentative: boolean;
}

/**
 * Puts `ip/prefix` on a link; IPv4 with the subnet's broadcast address, IPv6 without duplicate address detection, so both can be used at once.
 * Returns false when the link has it already.
 */
export function addAddress(
  socket: NetlinkSocket,
  linkIndex: number,
  ip: string,
  prefix: number,
  { withinMachine = false }: { readonly withinMachine?: boolean } = {},
): boolean {
  const address = ipBytes(ip);
  const family = ipFamily(ip);
  const broadcast = family === 4 && prefix < 31 ? { broadcast: broadcastOf(parseCidr(`${ip}/${prefix}`)) } : {};
  const out = new AttrStream();
  out.emit(
    formatAddress({
      family: family === 4 ? AF_INET : AF_INET6,
      prefixlen: prefix,
      index: linkIndex,
      ...(withinMachine ? { scope: SCOPE_HOST } : {}),
      ...(family === 6 ? { flags: { nodad: true as const } } : {}),
    }),
  );
  out.emit(formatAddressAttrs({ local: address, address, ...broadcast }));
  try {
    socket.request(`add address ${ip}/${prefix}`, RTM_NEWADDR, out.bufs, FLAG_CREATE | FLAG_EXCL);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes `ip/prefix` off a link; one that is not there is fine. */
export function removeAddress(socket: NetlinkSocket, { linkIndex, ip, prefix }: Omit<LinkAddress, 'tentative'>): void {
  const address = ipBytes(ip);
  const out = new AttrStream();
  out.emit(formatAddress({ family: ipFamily(ip) === 4 ? AF_INET : AF_INET6, prefixlen: prefix, index: linkIndex }));
  out.emit(formatAddressAttrs({ local: address, address }));
  try {
    socket.request(`remove address ${ip}/${prefix}`, RTM_DELADDR, out.bufs);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'EADDRNOTAVAIL')) throw error;
  }
}

/** Every address of the namespace, of all links and both families. */
export function listAddresses(socket: NetlinkSocket): LinkAddress[] {
  return socket.dump('list addresses', RTM_GETADDR, [formatAddress({ family: 0 })]).flatMap(message => {
    const { data, attrs } = parseAddressMessage(message.data);
    const raw = attrs.local ?? attrs.address;
    if (raw === undefined || (raw.length !== 4 && raw.length !== 16)) return [];
    const ip = bigIntToIp(BigInt(`0x${raw.toString('hex')}`), raw.length === 4 ? 4 : 6);
    const tentative = attrs.flags?.tentative === true;
    return [{ linkIndex: data.index ?? 0, ip, prefix: data.prefixlen ?? 0, tentative }];
  });
}

function broadcastOf(cidr: Cidr): Buffer {
  return ipBytes(bigIntToIp(lastAddress(cidr), cidr.family));
}
