import type { HostAlias } from '../../api/types/gen/core-v1.ts';

export interface HostsInput {
  readonly podIPs: readonly string[];
  readonly hostname: string;
  /** `<subdomain>.<namespace>.svc.<cluster domain>`, or empty. */
  readonly domain: string;
  readonly aliases: readonly HostAlias[];
}

/** The /etc/hosts of a pod with a network of its own. */
export function hostsFile(input: HostsInput): string {
  const own = input.podIPs.map(ip =>
    input.domain === '' ? `${ip}\t${input.hostname}` : `${ip}\t${input.hostname}.${input.domain}\t${input.hostname}`,
  );
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...own,
    ...aliasLines(input.aliases),
    '',
  ].join('\n');
}

/** A pod in the host's network sees the host's file, with its own aliases. */
export function hostNetworkHostsFile(hostFile: string, aliases: readonly HostAlias[]): string {
  const lines = aliasLines(aliases);
  return `# Kubernetes-managed hosts file (host network).\n${hostFile}${lines.length === 0 ? '' : `${lines.join('\n')}\n`}`;
}

function aliasLines(aliases: readonly HostAlias[]): readonly string[] {
  if (aliases.length === 0) return [];
  return [
    '',
    '# Entries added by HostAliases.',
    ...aliases.map(({ ip, hostnames = [] }) => [ip, ...hostnames].join('\t')),
  ];
}
