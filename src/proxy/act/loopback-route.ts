import { ensureSysctl, readSysctl } from '../../linux/sysctl.ts';

const ROUTE_LOCALNET = 'net/ipv4/conf/all/route_localnet';

/**
 * Whether the machine routes packets from and to 127.0.0.0/8 over its links. Node ports on 127.0.0.1 need it, and it lets neighbours reach what listens on the loopback
 * alone (CVE-2020-8558): it is open only while KUBE-FIREWALL stands before it.
 */
export interface LoopbackRoute {
  isOpen(): boolean;
  open(): void;
  close(): void;
}

/** That of the network namespace in which it is asked. A kernel without IPv4 has none. */
export function loopbackRoute(): LoopbackRoute {
  return {
    isOpen: () => readSysctl(ROUTE_LOCALNET) === '1',
    open: () => void ensureSysctl(ROUTE_LOCALNET, '1'),
    close: () => void ensureSysctl(ROUTE_LOCALNET, '0'),
  };
}
