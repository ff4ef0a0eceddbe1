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
/** Some resolvers abort on a longer one. */
const MAX_SEARCH_LENGTH = 253;

/** Reads a resolv.conf(5). The last `search` or `domain` line wins; options add up. A search for the root is what resolvers do anyway. */
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
      searches = values.filter(v => v !== '.').map(v => v.replace(/\.$/, ''));
    if (keyword === 'options') options.push(...values);
  }
  return { servers, searches, options };
}

export interface DnsInput {
  readonly spec: PodSpec;
  /** `<name>_<namespace>(<uid>)`. */
  readonly pod: string;
  readonly namespace: string;
  readonly host: ResolverConfig;
  /** Where the node has no resolver to give: what pods get that ask for the node's. */
  readonly instead?: ResolverConfig | undefined;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
}

export interface PodDns {
  readonly config: DNSConfig;
  /** What was not done as the pod asks for, in upstream's words. */
  readonly warnings: readonly { readonly reason: string; readonly message: string }[];
}

/** The resolver configuration of a pod. ClusterFirst without a cluster DNS is the host's, as upstream has it, with a warning. Pure. */
export function podDns(input: DnsInput): PodDns {
  const base = baseConfig(input);
  const extra = input.spec.dnsConfig;
  const merged: ResolverConfig = {
    servers: unique([...base.servers, ...(extra?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(extra?.searches ?? [])]),
    options: mergeOptions(base.options, extra?.options ?? []),
  };
  const servers = merged.servers.slice(0, MAX_SERVERS);
  const searches = limitSearches(merged.searches);
  const warnings: { readonly reason: string; readonly message: string }[] = [];
  if (wantsCluster(input.spec) && input.clusterDns.length === 0)
    warnings.push({
      reason: 'MissingClusterDNS',
      message: `pod: "${input.pod}". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.`,
    });
  if (servers.length < merged.servers.length)
    warnings.push({
      reason: 'DNSConfigForming',
      message: `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(' ')}`,
    });
  if (searches.length < merged.searches.length)
    warnings.push({
      reason: 'DNSConfigForming',
      message: `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`,
    });
  return { config: { servers, searches, options: merged.options }, warnings };
}

function wantsCluster({ dnsPolicy = 'ClusterFirst', hostNetwork }: PodSpec): boolean {
  return dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && hostNetwork !== true);
}

function baseConfig({ spec, namespace, host, instead, clusterDns, clusterDomain }: DnsInput): ResolverConfig {
  if (spec.dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  if (!wantsCluster(spec) || clusterDns.length === 0) return instead ?? host;
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
    if (search.length > MAX_SEARCH_LENGTH) continue;
    characters += search.length + 1;
    if (characters > MAX_SEARCH_CHARACTERS) break;
    kept.push(search);
  }
  return kept;
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
