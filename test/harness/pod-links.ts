import { closeSync, openSync } from 'node:fs';
import { ipBytes } from '../../src/base/cidr.ts';
import { addAddress } from '../../src/linux/netlink/addresses.ts';
import { createVeth, getLink, setLinkUp } from '../../src/linux/netlink/links.ts';
import { addRoute } from '../../src/linux/netlink/routes.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { inNetns } from '../../src/linux/netns.ts';
import { ensureSysctl } from '../../src/linux/sysctl.ts';

/** The near end of a pod's link, and what stands on either side; an address of each family. */
export interface PodLink {
  readonly name: string;
  readonly netns: string;
  readonly ips: readonly string[];
  /** The addresses of the near end, one of each family: the way out of the pod. */
  readonly gateways: readonly string[];
}

/** Loopback up and forwarding on, in this thread's namespace. */
export function prepareNode(): void {
  const socket = NetlinkSocket.open();
  try {
    setLinkUp(socket, 1);
    ensureSysctl('net/ipv4/ip_forward', '1');
    ensureSysctl('net/ipv6/conf/all/forwarding', '1');
    ensureSysctl('net/ipv6/conf/default/accept_dad', '0');
  } finally {
    socket.close();
  }
}

/** Connects a namespace by a link of its own, with a route to each of its addresses: no bridge. */
export function connectPod({ name, netns, ips, gateways }: PodLink): void {
  const socket = NetlinkSocket.open();
  const fd = openSync(netns, 'r');
  try {
    createVeth(socket, {
      name,
      mtu: undefined,
      master: undefined,
      peer: { name: 'eth0', mac: macOf(ips[0] ?? ''), netnsFd: fd },
    });
    inNetns(fd, () => configureInside(ips, gateways));
    const index = getLink(socket, name)?.index ?? 0;
    for (const gateway of gateways) addAddress(socket, index, gateway, gateway.includes(':') ? 128 : 32);
    for (const ip of ips) addRoute(socket, { destination: single(ip), gateway: undefined, linkIndex: index });
  } finally {
    closeSync(fd);
    socket.close();
  }
}

function configureInside(ips: readonly string[], gateways: readonly string[]): void {
  const socket = NetlinkSocket.open();
  try {
    setLinkUp(socket, 1);
    const index = getLink(socket, 'eth0')?.index ?? 0;
    ensureSysctl('net/ipv6/conf/eth0/accept_dad', '0');
    for (const ip of ips) addAddress(socket, index, ip, ip.includes(':') ? 128 : 32);
    setLinkUp(socket, index);
    for (const gateway of gateways) {
      addRoute(socket, { destination: single(gateway), gateway: undefined, linkIndex: index });
      const everything = gateway.includes(':') ? '::/0' : '0.0.0.0/0';
      addRoute(socket, { destination: everything, gateway, linkIndex: index });
    }
  } finally {
    socket.close();
  }
}

function single(ip: string): string {
  return `${ip}/${ip.includes(':') ? 128 : 32}`;
}

function macOf(ip: string): string {
  return `0a:58:${[...ipBytes(ip)].map(byte => byte.toString(16).padStart(2, '0')).join(':')}`;
}
