import { isIp } from '../../base/cidr.ts';
import type { Name } from '../wire/types.ts';

/** The address that a name below `in-addr.arpa` or `ip6.arpa` stands for; undefined for any other name, and for a part of an address. */
export function addressOfReverse(labels: Name): string | undefined {
  if (labels.at(-1) !== 'arpa') return undefined;
  const parts = labels.slice(0, -2).reverse();
  const tree = labels.at(-2);
  if (tree === 'in-addr' && parts.length === 4 && parts.every(part => /^\d{1,3}$/.test(part))) {
    const address = parts.map(Number).join('.');
    return isIp(address) ? address : undefined;
  }
  if (tree === 'ip6' && parts.length === 32 && parts.every(part => /^[0-9a-f]$/.test(part)))
    return (parts.join('').match(/.{4}/g) ?? []).join(':');
  return undefined;
}
