import type { IpFamily } from '../../base/cidr.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import { deleteUdpFlow, listUdpFlows } from '../../linux/netlink/conntrack.ts';
import type { NetlinkSocket } from '../../linux/netlink/socket.ts';
import { isStale, type UdpFront } from '../compile/udp-fronts.ts';

/**
 * Makes the kernel forget flows of UDP that lead to endpoints that do not serve any more: their next datagram is led anew, or refused. Flows of TCP end by
 * themselves. Returns how many went. The kernel picks flows out by port, once for each.
 */
export async function removeStaleFlows(
  socket: NetlinkSocket,
  family: IpFamily,
  fronts: readonly UdpFront[],
  machineIps: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<number> {
  const byPort = new Map<number, UdpFront[]>();
  for (const front of fronts) byPort.set(front.port, [...(byPort.get(front.port) ?? []), front]);
  const slice = new TimeSlice(signal);
  let removed = 0;
  for (const [port, sharing] of byPort) {
    for (const flow of listUdpFlows(socket, family, port)) {
      if (sharing.some(front => isStale(flow, front, machineIps)) && deleteUdpFlow(socket, flow)) removed += 1;
      await slice.breathe();
    }
    await slice.breathe();
  }
  return removed;
}
