import type { ImageReference } from './reference.ts';
import type { RegistryTimeouts } from './registry-http.ts';

/** What a caller may bring (AuthConfig of the CRI). A registry token goes before name and password. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly registryToken: string;
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
  readonly reference: ImageReference;
  readonly auth: RegistryAuth | undefined;
  readonly options: RegistryOptions;
  readonly scheme: 'http' | 'https';
  readonly authorization: string | undefined;
}
