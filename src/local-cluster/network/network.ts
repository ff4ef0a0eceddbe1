import { closeSync, openSync, readFileSync } from 'node:fs';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import { machineResolverFile } from '../../bootstrap/machine-resolver.ts';
import { addAddress, listAddresses } from '../../linux/netlink/addresses.ts';
import { createBridge, createVeth, deleteLink, getLink, setLinkUp } from '../../linux/netlink/links.ts';
import { addRoute, listRoutes, type Route } from '../../linux/netlink/routes.ts';
import { NetlinkError, NetlinkSocket } from '../../linux/netlink/socket.ts';
import { inNetns } from '../../linux/netns.ts';
import { NftContext } from '../../linux/nft.ts';
import { ensureSysctl } from '../../linux/sysctl.ts';
import { type ClusterNetwork, type HostLink, hostResolver, networkRules, type Resolver } from './plan.ts';

const HOST_INTERFACE = 'eth0';

/** Networks that this machine reaches, with what they are, for people. */
export function reachedNetworks(): readonly { readonly cidr: string; readonly by: string }[] {
  const socket = NetlinkSocket.open();
  try {
    const routes = listRoutes(socket)
      .filter(({ destination }) => !destination.endsWith('/0') && !destination.includes(':'))
      .map(({ destination, linkIndex }) => ({
        cidr: destination,
        by: `reached over ${getLink(socket, linkIndex)?.name ?? 'a link'}`,
      }));
    const addresses = listAddresses(socket)
      .filter(({ ip }) => !ip.includes(':'))
      .map(({ ip, prefix }) => ({ cidr: `${ip}/${prefix}`, by: `an address of this machine` }));
    return [...routes, ...addresses];
  } finally {
    socket.close();
  }
}

/** Whether this machine has a link of that name. */
export function hasLink(name: string): boolean {
  const socket = NetlinkSocket.open();
  try {
    return getLink(socket, name) !== undefined;
  } finally {
    socket.close();
  }
}

/** The machine's resolver as hosts behind this gateway can use it. */
export function machineResolver(gateway: string): Resolver {
  return hostResolver(readFileSync(machineResolverFile(), 'utf8'), gateway);
}

/**
 * Makes bridge, address, forwarding and rules, what is there already left as it is. Safe to repeat. Forwarding stays on when the cluster goes: others may
 * have come to need it.
 */
export function ensureNetwork(network: ClusterNetwork, resolver: Resolver): void {
  const { bridge, subnet, gateway } = network;
  const socket = NetlinkSocket.open();
  try {
    if (getLink(socket, bridge) === undefined)
      withModule('bridge', () => createBridge(socket, { name: bridge, mtu: undefined, mac: macOf(gateway) }));
    const link = getLink(socket, bridge);
    if (link?.kind !== 'bridge') throw failedPrecondition(`the link ${bridge} is there and is no bridge: remove it`);
    addAddress(socket, link.index, gateway, Number(subnet.split('/')[1]));
    if (!link.up) setLinkUp(socket, link.index);
  } finally {
    socket.close();
  }
  ensureSysctl('net/ipv4/ip_forward', '1');
  ensureSysctl(`net/ipv6/conf/${bridge}/accept_ra`, '0');
  // a packet to the gateway whose destination is rewritten to loopback is let in only with this
  if (resolver.local !== undefined) ensureSysctl(`net/ipv4/conf/${bridge}/route_localnet`, '1');
  runNft(networkRules(network, resolver.local));
}

/** Takes bridge and rules away. Safe to repeat, and with a network that was made in part. */
export function removeNetwork({ bridge, table }: Pick<ClusterNetwork, 'bridge' | 'table'>): void {
  const socket = NetlinkSocket.open();
  try {
    deleteLink(socket, bridge);
  } finally {
    socket.close();
  }
  runNft(`table ip ${table} {}\ndelete table ip ${table}\n`);
}

/** Gives a host its link to the bridge: eth0 with its address, the way out, and forwarding for its pods. Safe to repeat. */
export function attachHost(pid1: number, network: ClusterNetwork, link: HostLink): void {
  const netns = openSync(`/proc/${pid1}/ns/net`, 'r');
  const outside = NetlinkSocket.open();
  try {
    const bridge = getLink(outside, network.bridge);
    if (bridge === undefined) throw failedPrecondition(`the bridge ${network.bridge} is not there`);
    if (getLink(outside, link.near) === undefined)
      withModule('veth', () =>
        createVeth(outside, {
          name: link.near,
          mtu: undefined,
          master: bridge.index,
          peer: { name: HOST_INTERFACE, mac: link.mac, netnsFd: netns },
        }),
      );
    const near = getLink(outside, link.near);
    if (near !== undefined && !near.up) setLinkUp(outside, near.index);
    inNetns(`/proc/${pid1}/ns/net`, () => configureInside(network, link));
  } finally {
    outside.close();
    closeSync(netns);
  }
}

/** In the host's network namespace. */
function configureInside({ gateway }: ClusterNetwork, { address, prefix }: HostLink): void {
  const socket = NetlinkSocket.open();
  try {
    const eth = getLink(socket, HOST_INTERFACE);
    if (eth === undefined) throw failedPrecondition(`the link ${HOST_INTERFACE} is not in the host`);
    addAddress(socket, eth.index, address, prefix);
    setLinkUp(socket, eth.index);
    addWayOut(socket, { destination: '0.0.0.0/0', gateway, linkIndex: eth.index });
  } finally {
    socket.close();
  }
  ensureSysctl('net/ipv4/ip_forward', '1');
}

function addWayOut(socket: NetlinkSocket, route: Route): void {
  try {
    addRoute(socket, route);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'EEXIST')) throw error;
  }
}

/** Makes a link of a kind that is a module of the kernel, of the same name. */
function withModule(name: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    if (errnoName(error) !== 'EOPNOTSUPP') throw error;
    throw failedPrecondition(`the kernel has no ${name} links: modprobe ${name}, or run it on one that has`, {
      cause: error,
    });
  }
}

function runNft(text: string): void {
  const nft = NftContext.open();
  try {
    nft.run(text);
  } finally {
    nft.close();
  }
}

function macOf(gateway: string): string {
  return `02:67:${gateway
    .split('.')
    .map(part => Number(part).toString(16).padStart(2, '0'))
    .join(':')}`;
}
