import type { PodSpec } from '../../api/types/gen/core-v1.ts';
import type { DNSConfig } from '../../rpc/cri-api.ts';

/** What a resolv.conf says, or what a pod's shall say. */
export interface ResolverConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Limits of resolvers, as upstream keeps them. */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;

/** Reads a resolv.conf(5). The last `search` or `domain` line wins; options add up. */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: string[] = [];
  let searches: readonly string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    if (keyword === 'search' || keyword === 'domain')
      searches = values.map(v => (v === '.' ? v : v.replace(/\.$/, '')));
    if (keyword === 'options') options.push(...values);
  }
  return { servers, searches, options };
}

export interface DnsInput {
  readonly spec: PodSpec;
  readonly namespace: string;
  readonly host: ResolverConfig;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
}

/** The resolver configuration of a pod. ClusterFirst without a cluster DNS is the host's, as upstream has it (it warns). */
export function podDns(input: DnsInput): DNSConfig {
  const base = baseConfig(input);
  const extra = input.spec.dnsConfig;
  const merged: ResolverConfig = {
    servers: unique([...base.servers, ...(extra?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(extra?.searches ?? [])]),
    options: mergeOptions(base.options, extra?.options ?? []),
  };
  return {
    servers: merged.servers.slice(0, MAX_SERVERS),
    searches: limitSearches(merged.searches),
    options: merged.options,
  };
}

function baseConfig({ spec, namespace, host, clusterDns, clusterDomain }: DnsInput): ResolverConfig {
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && spec.hostNetwork !== true);
  if (!cluster || clusterDns.length === 0) return host;
  const searches =
    clusterDomain === '' ? [] : [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return { servers: clusterDns, searches: [...searches, ...host.searches], options: ['ndots:5'] };
}

function mergeOptions(
  base: readonly string[],
  extra: readonly { readonly name?: string | undefined; readonly value?: string | undefined }[],
): readonly string[] {
  const options = new Map<string, string>();
  for (const text of base) options.set(text.split(':')[0] ?? '', text);
  for (const { name = '', value } of extra) options.set(name, value === undefined ? name : `${name}:${value}`);
  return [...options.values()];
}

function limitSearches(searches: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let characters = -1;
  for (const search of searches.slice(0, MAX_SEARCHES)) {
    characters += search.length + 1;
    if (characters > MAX_SEARCH_CHARACTERS) break;
    kept.push(search);
  }
  return kept;
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
