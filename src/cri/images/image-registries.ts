import { GantryError } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import { type HostDirectory, readHostDirectory } from './host-directory.ts';
import type { ImageSource } from './image-source.ts';
import type { ImageReference } from './reference.ts';
import type { RegistryAuth, RegistryOptions } from './registry-access.ts';
import { RegistryRepository } from './registry-client.ts';
import { type RegistrySettings, registryEndpoints } from './registry-endpoints.ts';
import { RegistrySources } from './registry-sources.ts';

/** How registries are reached and asked: `registries` of the configuration. */
export interface ImageRegistriesSettings extends RegistrySettings {
  /** Directory in the layout of containerd's certs.d. */
  readonly configPath: string;
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
   * Runs `pull` with the source of one image: its registry, and before it whoever is to be asked in its place. `auth` is shown to the registry alone. An
   * error says when a hosts.toml of the registry was passed over: that may be why.
   */
  async use<T>(
    reference: ImageReference,
    auth: RegistryAuth | undefined,
    pull: (source: ImageSource) => Promise<T>,
  ): Promise<T> {
    const directory = readHostDirectory(this.#settings.configPath, reference.domain);
    if (directory?.problem !== undefined) this.#log.error({ registry: reference.domain }, directory.problem);
    const source = this.#source(reference, auth, directory);
    try {
      return await pull(source);
    } catch (error) {
      throw withProblem(error, directory);
    } finally {
      source.close();
    }
  }

  #source(
    reference: ImageReference,
    auth: RegistryAuth | undefined,
    directory: HostDirectory | undefined,
  ): RegistrySources {
    const repositories = registryEndpoints(reference.domain, this.#settings, directory?.entries).map(
      endpoint =>
        new RegistryRepository(endpoint, reference, endpoint.mirrorOf === undefined ? auth : undefined, this.#options),
    );
    return new RegistrySources(repositories, reference.domain, this.#log);
  }
}

function withProblem(error: unknown, directory: HostDirectory | undefined): unknown {
  if (directory?.problem === undefined || !(error instanceof GantryError) || error.code === 'cancelled') return error;
  const reason = error.reason === undefined ? {} : { reason: error.reason };
  return new GantryError(error.code, `${error.message} (${directory.problem})`, { cause: error, ...reason });
}
