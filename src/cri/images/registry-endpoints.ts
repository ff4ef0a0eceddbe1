import type { HostEntry } from './hosts-file.ts';
import { isLoopbackRegistry } from './reference.ts';
import type { RegistryEndpoint } from './registry-access.ts';

/** What the shim's own configuration says of registries. */
export interface RegistrySettings {
  /** host[:port] of registries spoken to over plain HTTP. */
  readonly insecure: readonly string[];
  /** Registry to the addresses that are asked before it. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
}

/**
 * The servers that have the images of `registry`, in the order in which they are asked: the mirrors of the configuration, the hosts of its hosts.toml, and
 * last the server that stands for the registry itself, by that file or by default. Never empty. Pure.
 */
export function registryEndpoints(
  registry: string,
  settings: RegistrySettings,
  entries: readonly HostEntry[] | undefined,
): readonly RegistryEndpoint[] {
  const mirrors = Object.hasOwn(settings.mirrors, registry) ? (settings.mirrors[registry] ?? []) : [];
  const itself = registryItself(registry, settings.insecure);
  const hosts = entries === undefined ? [itself] : entries.map(entry => entryEndpoint(entry, registry, itself));
  return [...mirrors.map(mirror => mirrorEndpoint(mirror, registry)), ...hosts];
}

/** Loopback is spoken to over plain HTTP first, as Docker does. */
function registryItself(registry: string, insecure: readonly string[]): RegistryEndpoint {
  const isInsecure = insecure.includes(registry);
  const isPlain = isInsecure || isLoopbackRegistry(registry);
  return {
    scheme: isPlain ? 'http' : 'https',
    otherScheme: isPlain && !isInsecure ? 'https' : undefined,
    host: registryServer(registry),
    root: '/v2',
    mirrorOf: undefined,
    isRegistry: true,
    tls: undefined,
    headers: {},
    dialTimeoutMs: undefined,
    canResolve: true,
    canPull: true,
  };
}

function entryEndpoint(entry: HostEntry, registry: string, itself: RegistryEndpoint): RegistryEndpoint {
  const { url, tls, headers, dialTimeoutMs, canPull, canResolve } = entry;
  const host = url === undefined ? itself.host : registryServer(url.host);
  const place: RegistryEndpoint =
    url === undefined
      ? itself
      : {
          ...itself,
          scheme: url.scheme,
          otherScheme: undefined,
          host,
          root: url.root,
          mirrorOf: host === itself.host ? undefined : registry,
          isRegistry: entry.isServer || host === itself.host,
        };
  // Certificates for an http:// address: HTTPS is tried first, as containerd does.
  const isDoubtful = place.scheme === 'http' && tls !== undefined && !host.endsWith(':80');
  const schemes = isDoubtful ? ({ scheme: 'https', otherScheme: 'http' } as const) : {};
  return { ...place, ...schemes, tls, headers, dialTimeoutMs, canPull, canResolve };
}

/**
 * A path of a mirror's address goes before the repository: of `https://harbor.example/hub`, docker.io/library/web is hub/library/web there.
 * `http:` means plain HTTP.
 */
function mirrorEndpoint(mirror: string, registry: string): RegistryEndpoint {
  const url = new URL(mirror);
  const path = url.pathname.replace(/^\/+|\/+$/g, '');
  return {
    ...registryItself(url.host, []),
    scheme: url.protocol === 'http:' ? 'http' : 'https',
    otherScheme: undefined,
    root: path === '' ? '/v2' : `/v2/${path}`,
    mirrorOf: registry,
    isRegistry: false,
  };
}

/** Where a registry answers: Docker's does under another name than the one that stands in references. Pure. */
export function registryServer(registry: string): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : registry;
}
