import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** The node's addresses, IPv4 first: those of the interface that the default route leaves by, else of the first that is not loopback. */
export function readNodeAddresses(): readonly string[] {
  const interfaces = networkInterfaces();
  const preferred = defaultRouteInterface();
  const names = Object.keys(interfaces).sort((a, b) => Number(b === preferred) - Number(a === preferred));
  const found: string[] = [];
  for (const family of ['IPv4', 'IPv6'] as const) {
    const address = names
      .flatMap(name => interfaces[name] ?? [])
      .find(
        a => a.family === family && !a.internal && !a.address.startsWith('fe80:') && !a.address.startsWith('169.254.'),
      );
    if (address !== undefined) found.push(address.address);
  }
  return found;
}

/** /proc/net/route: columns are interface, destination, gateway, …, and a destination of zeros is the default. */
function defaultRouteInterface(): string | undefined {
  const rows = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1);
  for (const row of rows) {
    const [name, destination] = row.split('\t');
    if (destination === '00000000') return name;
  }
  return undefined;
}
