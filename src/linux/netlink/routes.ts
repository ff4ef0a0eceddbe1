import { formatRoute, formatRouteAttrs, parseRouteMessage } from 'netlink/dist/rt/structs.js';
import { AttrStream } from 'netlink/dist/structs.js';
import { bigIntToIp, ipBytes, parseCidr } from '../../base/cidr.ts';
import { FLAG_CREATE, FLAG_EXCL, type NetlinkSocket } from './socket.ts';

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const TABLE_MAIN = 254;

export interface Route {
  /** The destination network; `0.0.0.0/0` or `::/0` for the default route. */
  readonly destination: string;
  /** Where to; undefined for a network that is reached directly. */
  readonly gateway: string | undefined;
  readonly linkIndex: number;
}

/** Adds a unicast route to the main table. Throws EEXIST when the destination has one. */
export function addRoute(socket: NetlinkSocket, route: Route): void {
  const { family, base, prefix } = parseCidr(route.destination);
  const out = new AttrStream();
  out.emit(
    formatRoute({
      family: family === 4 ? AF_INET : AF_INET6,
      dstLen: prefix,
      table: TABLE_MAIN,
      protocol: 'BOOT',
      scope: route.gateway === undefined && family === 4 ? 'LINK' : 'UNIVERSE',
      type: 'UNICAST',
    }),
  );
  out.emit(
    formatRouteAttrs({
      oif: route.linkIndex,
      ...(prefix === 0 ? {} : { dst: ipBytes(bigIntToIp(base, family)) }),
      ...(route.gateway === undefined ? {} : { gateway: ipBytes(route.gateway) }),
    }),
  );
  socket.request(`add route ${route.destination}`, RTM_NEWROUTE, out.bufs, FLAG_CREATE | FLAG_EXCL);
}

/** The unicast routes of the main table, both families. */
export function listRoutes(socket: NetlinkSocket): Route[] {
  return socket.dump('list routes', RTM_GETROUTE, [formatRoute({ family: 0 })]).flatMap(message => {
    const { data, attrs } = parseRouteMessage(message.data);
    if ((attrs.table ?? data.table) !== TABLE_MAIN) return [];
    const family = data.family === AF_INET ? 4 : 6;
    const text = (raw: Buffer): string => bigIntToIp(BigInt(`0x${raw.toString('hex')}`), family);
    const base = attrs.dst === undefined ? (family === 4 ? '0.0.0.0' : '::') : text(attrs.dst);
    return [
      {
        destination: `${base}/${data.dstLen ?? 0}`,
        gateway: attrs.gateway === undefined ? undefined : text(attrs.gateway),
        linkIndex: attrs.oif ?? 0,
      },
    ];
  });
}
