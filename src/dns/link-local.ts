import { isIPv6 } from 'node:net';
import { addAddress } from '../linux/netlink/addresses.ts';
import { getLink } from '../linux/netlink/links.ts';
import { NetlinkSocket } from '../linux/netlink/socket.ts';

/**
 * Gives the loopback link an address, so that the machine and its pods reach what listens there and nobody else does. Idempotent. It stays when the process ends:
 * without it queries of pods would leave the machine by its default route. Good within the machine alone, so that a service which a node reaches on itself, masqueraded, sees
 * the node's own address.
 */
export function addLoopbackAddress(address: string): void {
  const socket = NetlinkSocket.open();
  try {
    const link = getLink(socket, 'lo');
    if (link !== undefined)
      addAddress(socket, link.index, address, isIPv6(address) ? 128 : 32, { withinMachine: true });
  } finally {
    socket.close();
  }
}
