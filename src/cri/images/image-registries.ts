import { errorMessage, GantryError } from '../../base/errors.ts';
import { registryPlace } from '../../base/registry-places.ts';
import type { Logger } from '../../daemon/logger.ts';
import { dockerCredentials } from './docker-credentials.ts';
import { readHostDirectory } from './host-directory.ts';
import type { ImageSource } from './image-source.ts';
import type { ImageReference } from './reference.ts';
import type { RegistryAuth, RegistryEndpoint, RegistryOptions } from './registry-access.ts';
import { RegistryRepository } from './registry-client.ts';
import { type RegistrySettings, registryEndpoints } from './registry-endpoints.ts';
import { RegistrySources } from './registry-sources.ts';

/** How registries are reached and asked: `registries` of the configuration. */
export interface ImageRegistriesSettings extends RegistrySettings {
  /** Directory in the layout of containerd's certs.d. */
  readonly configPath: string;
  /** Docker config files whose credentials are shown where a request brings none. */
  readonly dockerConfigs: readonly string[];
}

/** Registries by what the configuration and the files below `configPath` say of them. */
export class ImageRegistries {
  readonly #settings: ImageRegistriesSettings;
  readonly #options: RegistryOptions;
  readonly #log: Logger;

  constructor(settings: ImageRegistriesSettings, options: RegistryOptions, log: Logger) {
    this.#settings = settings;
    this.#options = options;
    this.#log = log;
  }

  /**
   * Runs `pull` with the source of one image: its registry, and before it whoever is to be asked in its place. `auth` is shown to the registry alone;
   * where it is not given or for another registry, and to the others, goes what the docker config files have for them. An error says when a hosts.toml, a
   * file of credentials or `auth` was passed over: that may be why.
   */
  async use<T>(
    reference: ImageReference,
    auth: RegistryAuth | undefined,
    pull: (source: ImageSource) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const directory = readHostDirectory(this.#settings.configPath, reference.domain);
    const problems: Problems = new Map();
    if (directory?.problem !== undefined) problems.set(directory.problem, 'error');
    const endpoints = registryEndpoints(reference.domain, this.#settings, directory?.entries);
    const repositories: RegistryRepository[] = [];
    for (const endpoint of endpoints) {
      const shown = await this.#credentials(endpoint, reference, auth, problems, signal);
      repositories.push(new RegistryRepository(endpoint, reference, shown, this.#options));
    }
    for (const [problem, level] of problems) this.#log[level]({ registry: reference.domain }, problem);
    const source = new RegistrySources(repositories, reference.domain, this.#log);
    try {
      return await pull(source);
    } catch (error) {
      throw withProblems(error, [...problems.keys()]);
    } finally {
      source.close();
    }
  }

  async #credentials(
    endpoint: RegistryEndpoint,
    { domain, path }: ImageReference,
    auth: RegistryAuth | undefined,
    problems: Problems,
    signal: AbortSignal,
  ): Promise<RegistryAuth | undefined> {
    const given = endpoint.isRegistry ? auth : undefined;
    if (given !== undefined && isForRegistry(given, domain)) return given;
    try {
      const host = endpoint.isRegistry ? domain : endpoint.host;
      const found = await dockerCredentials(this.#settings.dockerConfigs, `${host}/${path}`, signal);
      if (found === undefined && given !== undefined)
        problems.set(
          `credentials of the request are for ${JSON.stringify(serverHost(given))}, not for ${domain}`,
          'warn',
        );
      return found;
    } catch (error) {
      signal.throwIfAborted();
      problems.set(errorMessage(error), 'error');
      return undefined;
    }
  }
}

/** What is wrong, each once: with this machine's files, which its owner is to mend, or with what a caller sent. */
type Problems = Map<string, 'error' | 'warn'>;

/** Docker's registry has several names. */
function isForRegistry(auth: RegistryAuth, domain: string): boolean {
  if ((auth.serverAddress ?? '') === '') return true;
  const host = serverHost(auth);
  return host === domain || (domain === 'docker.io' && ['index.docker.io', 'registry-1.docker.io'].includes(host));
}

/** Of what may be any text of the caller's, as much as a host name has. */
function serverHost({ serverAddress = '' }: RegistryAuth): string {
  const [host = ''] = registryPlace(serverAddress).split('/');
  return host.slice(0, 255);
}

function withProblems(error: unknown, problems: readonly string[]): unknown {
  if (problems.length === 0 || !(error instanceof GantryError) || error.code === 'cancelled') return error;
  const reason = error.reason === undefined ? {} : { reason: error.reason };
  return new GantryError(error.code, `${error.message} (${problems.join('; ')})`, { cause: error, ...reason });
}
