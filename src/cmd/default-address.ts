import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { invalidArgument } from '../base/errors.ts';

/** The address of the link that the default route leaves by: the one that others reach this machine at. `flag` is what else says it. */
export function defaultAddress(flag: string): string {
  const rows = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
  const link = rows.map(row => row.split('\t')).find(([, destination]) => destination === '00000000')?.[0];
  const address = (link === undefined ? [] : (networkInterfaces()[link] ?? [])).find(a => a.family === 'IPv4');
  if (address === undefined)
    throw invalidArgument(`there is no default route to tell this machine's address by: give ${flag}`);
  return address.address;
}
