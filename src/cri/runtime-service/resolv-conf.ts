import { invalidArgument } from '../../base/errors.ts';
import type { DNSConfig } from '../../rpc/cri-api.ts';

/**
 * The pod's /etc/resolv.conf: from the request, or the machine's own where the request says nothing (as upstream runtimes do). Throws
 * `invalid-argument` when a value would add lines of its own. Pure.
 */
export function resolvConf(dns: DNSConfig | undefined, ofMachine: string): string {
  const { servers = [], searches = [], options = [] } = dns ?? {};
  for (const text of [...servers, ...searches, ...options])
    if (/[\s]/.test(text)) throw invalidArgument(`dns_config: "${text.replace(/\s/g, ' ')}" contains white space`);
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map(server => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return lines.length === 0 ? ofMachine : `${lines.join('\n')}\n`;
}
