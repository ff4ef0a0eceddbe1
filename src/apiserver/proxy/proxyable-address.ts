import { BlockList, isIP } from 'node:net';

/** What Go's IsGlobalUnicast is false for: this host itself, its links, groups. A server that proxied to these would be asked for what others cannot reach. */
const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet('0.0.0.0', 32, 'ipv4');
FORBIDDEN.addSubnet('127.0.0.0', 8, 'ipv4');
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4');
FORBIDDEN.addSubnet('224.0.0.0', 4, 'ipv4');
FORBIDDEN.addAddress('255.255.255.255', 'ipv4');
FORBIDDEN.addAddress('::', 'ipv6');
FORBIDDEN.addAddress('::1', 'ipv6');
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6');
FORBIDDEN.addSubnet('ff00::', 8, 'ipv6');

/** True for an address that requests may be proxied to. False for what is no address. Addresses of IPv4 within IPv6 are judged as what they are. */
export function isProxyable(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !FORBIDDEN.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
