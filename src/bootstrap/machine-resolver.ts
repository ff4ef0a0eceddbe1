import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** resolv.conf(5). */
const RESOLV_CONF = '/etc/resolv.conf';
/** systemd-resolved keeps the servers behind its own loopback address here (systemd-resolved.service(8)). */
const RESOLVED = '/run/systemd/resolve/resolv.conf';

/** The file with the name servers of this machine that pods can ask, too. */
export function machineResolverFile(): string {
  return resolverFile(textOf(RESOLV_CONF), textOf(RESOLVED));
}

/**
 * The file, by the texts of both: systemd-resolved's where /etc/resolv.conf names servers on loopback alone, which a pod would look for in itself, and resolved knows
 * those behind. It counts what the file says, not what runs: resolved may run unused, and its file outlives it. Pure.
 */
export function resolverFile(resolvConf: string, resolved: string): string {
  const servers = nameServers(resolvConf);
  const isLocal = servers.length > 0 && servers.every(isLoopback);
  return isLocal && nameServers(resolved).some(server => !isLoopback(server)) ? RESOLVED : RESOLV_CONF;
}

/** The file that a kubelet of this configuration gives pods their name servers by. */
export function resolverFileOf(kubelet: Readonly<Record<string, unknown>>): string {
  const told = kubelet['resolvConf'];
  return typeof told === 'string' && told !== '' ? told : machineResolverFile();
}

/** The name servers of a resolv.conf, where each of them is on loopback: a pod looks for those in itself. None where one is elsewhere. Pure. */
export function loopbackServers(resolvConf: string): readonly string[] {
  const servers = nameServers(resolvConf);
  return servers.every(isLoopback) ? servers : [];
}

function nameServers(text: string): readonly string[] {
  return text.split('\n').flatMap(line => /^nameserver\s+(\S+)/.exec(line.trim())?.[1] ?? []);
}

function isLoopback(address: string): boolean {
  return isIP(address) === 4 ? address.startsWith('127.') : address === '::1';
}

/** Empty for one that is not there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
