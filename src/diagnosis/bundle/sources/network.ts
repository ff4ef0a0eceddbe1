import type { BundleSource } from '../item.ts';
import { commandItem } from './command.ts';
import { fileItem } from './files.ts';

const COMMANDS: readonly (readonly [name: string, ...argv: string[]])[] = [
  ['addresses.txt', 'ip', '-details', '-statistics', 'address'],
  ['routes.txt', 'ip', 'route', 'show', 'table', 'all'],
  ['routes-ipv6.txt', 'ip', '-6', 'route', 'show', 'table', 'all'],
  ['rules.txt', 'ip', 'rule'],
  ['rules-ipv6.txt', 'ip', '-6', 'rule'],
  ['neighbours.txt', 'ip', 'neighbour'],
  ['nft.txt', 'nft', 'list', 'ruleset'],
  ['iptables.txt', 'iptables-save', '-c'],
  ['iptables-ipv6.txt', 'ip6tables-save', '-c'],
  ['ipsets.txt', 'ipset', 'list'],
  ['sockets.txt', 'ss', '-ltnup'],
];
const FILES: readonly (readonly [name: string, path: string])[] = [
  ['ipvs.txt', '/proc/net/ip_vs'],
  ['conntrack-count.txt', '/proc/sys/net/netfilter/nf_conntrack_count'],
  ['conntrack-max.txt', '/proc/sys/net/netfilter/nf_conntrack_max'],
  ['links.txt', '/proc/net/dev'],
  ['socket-counts.txt', '/proc/net/sockstat'],
  ['snmp.txt', '/proc/net/snmp'],
];

/** The network of this machine as the kernel has it: addresses, routes, rules. Where a program is not installed the manifest says so. */
export function networkState(): BundleSource {
  return {
    what: 'the state of the network',
    timeoutMs: 60_000,
    async *items(signal) {
      for (const [name, ...argv] of COMMANDS) yield await commandItem(`network/${name}`, argv, signal);
      for (const [name, path] of FILES) yield fileItem(`network/${name}`, path);
    },
  };
}
