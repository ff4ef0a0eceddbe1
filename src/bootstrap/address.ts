import { ipBytes } from '../base/cidr.ts';

/** True for an IPv4 or IPv6 address, false for a name. */
export function isIpAddress(text: string): boolean {
  try {
    ipBytes(text);
    return true;
  } catch {
    return false;
  }
}
