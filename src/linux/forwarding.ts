import type { IpFamily } from '../base/cidr.ts';
import { listLinks } from './netlink/links.ts';
import type { NetlinkSocket } from './netlink/socket.ts';
import { ensureSysctl, readSysctl } from './sysctl.ts';

/**
 * Lets the machine pass packets on, in the thread's present network namespace. A machine that forwards IPv6 stops listening to router advertisements (accept_ra
 * 1), and would lose the default route it has from them: links that listen now go on doing so (2: although forwarding). Idempotent.
 */
export function enableForwarding(family: IpFamily, links: NetlinkSocket): void {
  if (family === 4) {
    ensureSysctl('net/ipv4/ip_forward', '1');
    return;
  }
  if (readSysctl('net/ipv6/conf/all/forwarding') !== '0') return;
  for (const { name, kind } of listLinks(links))
    if (kind !== 'bridge' && name !== 'lo' && readSysctl(`net/ipv6/conf/${name}/accept_ra`) === '1')
      ensureSysctl(`net/ipv6/conf/${name}/accept_ra`, '2');
  ensureSysctl('net/ipv6/conf/all/forwarding', '1');
}
