import type { ImageReference } from './reference.ts';
import type { RegistryTimeouts } from './registry-http.ts';

/**
 * What a caller may show of itself (AuthConfig of the CRI). A registry token is shown as it is; an identity token is exchanged for one, and goes before
 * name and password.
 */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly registryToken: string;
  readonly identityToken: string;
  /** For this registry alone, where it is given. */
  readonly serverAddress?: string;
}

/** How a server's certificate is judged, and what it is shown. Files are read when a connection is made. */
export interface RegistryTls {
  /** Certificates that are trusted besides those of the machine. */
  readonly caFiles: readonly string[];
  /** Certificate and key; the same file twice where both are in one. */
  readonly clientPairs: readonly (readonly [string, string])[];
  readonly skipVerify: boolean;
}

/** A server that has the images of a registry: the registry itself, or one that is asked in its place. */
export interface RegistryEndpoint {
  readonly scheme: 'http' | 'https';
  /** Spoken when the server turns out not to speak `scheme`; undefined where the configuration leaves no doubt. */
  readonly otherScheme: 'http' | 'https' | undefined;
  /** `host[:port]`. */
  readonly host: string;
  /** What goes before `/<repository>/manifests/…`: `/v2`, or what the configuration says instead. */
  readonly root: string;
  /** The registry in whose place it is asked (sent as `ns`, as containerd does); undefined for the registry itself. */
  readonly mirrorOf: string | undefined;
  /** It stands for the registry itself, so that credentials for the registry are for it. */
  readonly isRegistry: boolean;
  readonly tls: RegistryTls | undefined;
  /** Sent with each request to this server. May hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** Longest time for a connection to be made; undefined for no limit of its own. */
  readonly dialTimeoutMs: number | undefined;
  /** May say what a tag stands for. */
  readonly canResolve: boolean;
  /** May be asked for what has a digest. */
  readonly canPull: boolean;
}

export interface RegistryOptions {
  /** host[:port] of registries spoken to over plain HTTP. */
  readonly insecure: readonly string[];
  readonly timeouts?: RegistryTimeouts;
}

/**
 * All that a process needs to go on reading from a repository: it asks as the first one did, and logs in again when the token has run out.
 * Holds secrets: goes through pipes only, never to a log, an argument or the environment.
 */
export interface RepositoryAccess {
  readonly endpoint: RegistryEndpoint;
  readonly reference: ImageReference;
  readonly auth: RegistryAuth | undefined;
  readonly options: RegistryOptions;
  readonly authorization: string | undefined;
}
