import { failedPrecondition } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { BlobLocation, ImageSource, ManifestBlob } from './image-source.ts';
import type { Descriptor } from './manifest.ts';
import type { RepositoryAccess } from './registry-access.ts';

/** One server that may have an image: a RegistryRepository. */
export interface RepositorySource extends Pick<Required<ImageSource>, 'manifest' | 'digestOf' | 'document' | 'close'> {
  readonly canResolve: boolean;
  readonly canPull: boolean;
  access(): RepositoryAccess;
}

/**
 * An image of a registry and its mirrors, in the order in which they are asked; the last one is the registry itself, and its error is the one that counts.
 * One that could not give something is asked no more in this pull. Who may not resolve is not asked what a tag stands for.
 */
export class RegistrySources implements ImageSource {
  readonly #sources: readonly RepositorySource[];
  readonly #name: string;
  readonly #log: Logger;
  readonly #failed = new Set<RepositorySource>();
  /** Who was named first for a layer, by its digest. */
  readonly #located = new Map<string, RepositorySource>();

  /** `name` is the registry's, for messages. */
  constructor(sources: readonly RepositorySource[], name: string, log: Logger) {
    this.#sources = sources;
    this.#name = name;
    this.#log = log;
  }

  manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestBlob> {
    return this.#firstFor(tagOrDigest, source => source.manifest(tagOrDigest, signal), signal);
  }

  digestOf(tagOrDigest: string, signal: AbortSignal): Promise<string | undefined> {
    return this.#firstFor(tagOrDigest, source => source.digestOf(tagOrDigest, signal), signal);
  }

  document(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer> {
    return this.#first(
      this.#pullable(),
      'be pulled from (capability pull)',
      source => source.document(descriptor, signal),
      signal,
    );
  }

  /** All that may have it: who reads it goes on at the next one where one breaks off. */
  async locate(descriptor: Descriptor): Promise<BlobLocation> {
    const able = this.#untried(this.#pullable());
    const [first] = able;
    if (first !== undefined) this.#located.set(descriptor.digest, first);
    return { kind: 'registry', repositories: able.map(s => s.access()), digest: descriptor.digest };
  }

  /** Of pieces from several places the first one is blamed, for all of them can be blamed in turn. */
  distrust(digest: string): boolean {
    const source = this.#located.get(digest);
    if (source === undefined) return false;
    this.#failed.add(source);
    return this.#pullable().some(s => !this.#failed.has(s));
  }

  close(): void {
    for (const source of this.#sources) source.close();
  }

  #pullable(): readonly RepositorySource[] {
    return this.#sources.filter(s => s.canPull);
  }

  /** Those that have not failed yet, or the last one. */
  #untried(able: readonly RepositorySource[]): readonly RepositorySource[] {
    const left = able.filter(s => !this.#failed.has(s));
    return left.length > 0 ? left : able.slice(-1);
  }

  #firstFor<T>(tagOrDigest: string, ask: (source: RepositorySource) => Promise<T>, signal: AbortSignal): Promise<T> {
    const isTag = !tagOrDigest.startsWith('sha256:');
    const able = this.#sources.filter(s => s.canPull && (s.canResolve || !isTag));
    const what = isTag
      ? 'say what the tag stands for (capabilities pull and resolve)'
      : 'be pulled from (capability pull)';
    return this.#first(able, what, ask, signal);
  }

  async #first<T>(
    able: readonly RepositorySource[],
    what: string,
    ask: (source: RepositorySource) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const [source, ...others] = this.#untried(able);
    if (source === undefined)
      throw failedPrecondition(`hosts.toml names no host of registry ${this.#name} that may ${what}`);
    try {
      return await ask(source);
    } catch (error) {
      if (others.length === 0 || signal.aborted) throw error;
      this.#log.warn({ err: error }, 'a mirror does not have the image; the next place is asked');
      this.#failed.add(source);
      return this.#first(others, what, ask, signal);
    }
  }
}
