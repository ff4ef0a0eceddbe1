import { formatRoute, formatRouteAttrs, parseRouteMessage } from 'netlink/dist/rt/structs.js';
import { AttrStream } from 'netlink/dist/structs.js';
import { bigIntToIp, ipBytes, ipFamily, parseCidr } from '../../base/cidr.ts';
import { FLAG_CREATE, FLAG_EXCL, NetlinkError, type NetlinkSocket } from './socket.ts';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const TABLE_MAIN = 254;
/** Of routes that nobody claims: set by hand or at the start of the machine (RTPROT_BOOT). */
const PROTOCOL_BOOT = 3;

export interface Route {
  /** The destination network; `0.0.0.0/0` or `::/0` for the default route. */
  readonly destination: string;
  /** Where to; undefined for a network that is reached directly. */
  readonly gateway: string | undefined;
  readonly linkIndex: number;
}

/** A route with the number of who made it: 4 to 255 for programs (rtnetlink(7)). */
export interface OwnedRoute extends Route {
  readonly protocol: number;
}

/** Adds a unicast route to the main table. Throws EEXIST when the destination has one. */
export function addRoute(socket: NetlinkSocket, route: Route, protocol = PROTOCOL_BOOT): void {
  const { family, base, prefix } = parseCidr(route.destination);
  const out = new AttrStream();
  out.emit(
    formatRoute({
      family: family === 4 ? AF_INET : AF_INET6,
      dstLen: prefix,
      table: TABLE_MAIN,
      protocol,
      scope: route.gateway === undefined && family === 4 ? 'LINK' : 'UNIVERSE',
      type: 'UNICAST',
    }),
  );
  out.emit(routeAttributes(route, prefix === 0 ? undefined : bigIntToIp(base, family)));
  socket.request(`add route ${route.destination}`, RTM_NEWROUTE, out.bufs, FLAG_CREATE | FLAG_EXCL);
}

/** Removes exactly this route from the main table; one that is gone is fine. */
export function removeRoute(socket: NetlinkSocket, route: OwnedRoute): void {
  const { family, base, prefix } = parseCidr(route.destination);
  const out = new AttrStream();
  const { protocol } = route;
  out.emit(formatRoute({ family: family === 4 ? AF_INET : AF_INET6, dstLen: prefix, table: TABLE_MAIN, protocol }));
  out.emit(routeAttributes(route, prefix === 0 ? undefined : bigIntToIp(base, family)));
  try {
    socket.request(`remove route ${route.destination}`, RTM_DELROUTE, out.bufs);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'ESRCH')) throw error;
  }
}

/** How the machine reaches an address: by which link, and over which gateway. Undefined where it does not. */
export function routeTo(
  socket: NetlinkSocket,
  ip: string,
): { readonly gateway: string | undefined; readonly linkIndex: number } | undefined {
  const out = new AttrStream();
  const family = ipFamily(ip);
  out.emit(formatRoute({ family: family === 4 ? AF_INET : AF_INET6, dstLen: family === 4 ? 32 : 128 }));
  out.emit(formatRouteAttrs({ dst: ipBytes(ip) }));
  try {
    const [message] = socket.request(`get route to ${ip}`, RTM_GETROUTE, out.bufs);
    if (message === undefined) return undefined;
    const { attrs } = parseRouteMessage(message.data);
    return { gateway: attrs.gateway === undefined ? undefined : ipText(attrs.gateway), linkIndex: attrs.oif ?? 0 };
  } catch (error) {
    if (error instanceof NetlinkError && UNREACHABLE.includes(error.code)) return undefined;
    throw error;
  }
}

const UNREACHABLE = ['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL'];

function routeAttributes(
  { linkIndex, gateway }: Route,
  destination: string | undefined,
): ReturnType<typeof formatRouteAttrs> {
  return formatRouteAttrs({
    oif: linkIndex,
    ...(destination === undefined ? {} : { dst: ipBytes(destination) }),
    ...(gateway === undefined ? {} : { gateway: ipBytes(gateway) }),
  });
}

function ipText(raw: Buffer): string {
  return bigIntToIp(BigInt(`0x${raw.toString('hex')}`), raw.length === 4 ? 4 : 6);
}

/** The unicast routes of the main table, both families. */
export function listRoutes(socket: NetlinkSocket): OwnedRoute[] {
  return socket.dump('list routes', RTM_GETROUTE, [formatRoute({ family: 0 })]).flatMap(message => {
    const { data, attrs } = parseRouteMessage(message.data);
    if ((attrs.table ?? data.table) !== TABLE_MAIN) return [];
    const family = data.family === AF_INET ? 4 : 6;
    const base = attrs.dst === undefined ? (family === 4 ? '0.0.0.0' : '::') : ipText(attrs.dst);
    return [
      {
        destination: `${base}/${data.dstLen ?? 0}`,
        gateway: attrs.gateway === undefined ? undefined : ipText(attrs.gateway),
        linkIndex: attrs.oif ?? 0,
        // struct rtmsg: the codec knows the numbers that have names, only
        protocol: message.data[5] ?? 0,
      },
    ];
  });
}
