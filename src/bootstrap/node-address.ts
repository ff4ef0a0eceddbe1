import { parseNodeIps } from '../api/node-flags.ts';
import { canonicalIp, cidrContains, parseCidr } from '../base/cidr.ts';
import { invalidArgument } from '../base/errors.ts';

/** Addresses at which no other machine reaches this one: what upstream's kubelet takes for no address of a node, and kubeadm for none of an API server. */
const NOT_REACHED = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '::/127', 'fe80::/10', 'ff00::/8'];

/** Whether others can reach a machine by an address of this kind. Throws `invalid-argument` on anything else than an IP address. */
export function isReachable(address: string): boolean {
  return !NOT_REACHED.some(network => cidrContains(parseCidr(network), address));
}

/** The addresses of a node, apart by commas, as `--node-ip` takes them: one, or one of each family. Throws `invalid-argument` that names `field`. */
export function nodeAddresses(text: string, field: string = '--node-ip'): readonly string[] {
  const addresses = parseNodeIps(text).map(canonicalIp);
  const wrong = addresses.find(address => !isReachable(address));
  if (wrong !== undefined)
    throw invalidArgument(`${field}: ${wrong} is no address at which other machines reach this one`);
  return addresses;
}
