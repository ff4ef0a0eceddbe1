import type { DNSConfig } from '../../rpc/cri-api.ts';

/**
 * The pod's /etc/resolv.conf: from the request, whose values have been checked, or the machine's own where the request says nothing (as upstream runtimes do).
 * Pure.
 */
export function resolvConf(dns: DNSConfig | undefined, ofMachine: string): string {
  const { servers = [], searches = [], options = [] } = dns ?? {};
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map(server => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return lines.length === 0 ? ofMachine : `${lines.join('\n')}\n`;
}
