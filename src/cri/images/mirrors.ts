import { errorCode } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { BlobLocation, ImageSource, ManifestBlob } from './image-source.ts';
import type { Descriptor } from './manifest.ts';
import type { ImageReference } from './reference.ts';
import type { RegistryOptions } from './registry-access.ts';

/** Where one registry's images are asked for: a reference of its own, and how its server is spoken to. */
export interface MirrorPlace {
  readonly reference: ImageReference;
  readonly options: RegistryOptions;
}

/**
 * The same image at a mirror. A path of the mirror's address goes before the repository: of `https://harbor.example/hub`, docker.io/library/web is
 * harbor.example/hub/library/web. `http:` means plain HTTP for this mirror, whatever `insecure` says of its host.
 */
export function mirrorPlace(mirror: string, reference: ImageReference, options: RegistryOptions): MirrorPlace {
  const url = new URL(mirror);
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  return {
    reference: {
      ...reference,
      domain: url.host,
      path: prefix === '' ? reference.path : `${prefix}/${reference.path}`,
    },
    options: url.protocol === 'http:' ? { ...options, insecure: [...options.insecure, url.host] } : options,
  };
}

/** What one source cannot give another may have: it is away, does not have the image, or wants credentials that are not for it. */
const TRY_NEXT = new Set(['unavailable', 'not-found', 'unauthenticated', 'permission-denied']);

/**
 * Several sources of one image, in the order in which they are asked; the last one is the registry itself, and its error is the one that counts.
 * A source that has given the manifest goes on giving; when a layer is asked for again, because it did not come through, the next source is.
 */
export class SourcesInOrder implements ImageSource {
  readonly #sources: readonly [ImageSource, ...ImageSource[]];
  readonly #log: Logger;
  readonly #asked = new Map<string, number>();
  #chosen = 0;

  constructor(sources: readonly [ImageSource, ...ImageSource[]], log: Logger) {
    this.#sources = sources;
    this.#log = log;
  }

  manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestBlob> {
    return this.#first(source => source.manifest(tagOrDigest, signal));
  }

  document(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer> {
    return this.#first(source => source.document(descriptor, signal));
  }

  locate(descriptor: Descriptor): Promise<BlobLocation> {
    const times = this.#asked.get(descriptor.digest) ?? 0;
    this.#asked.set(descriptor.digest, times + 1);
    return this.#at(Math.min(this.#chosen + times, this.#sources.length - 1)).locate(descriptor);
  }

  close(): void {
    for (const source of this.#sources) source.close();
  }

  async #first<T>(ask: (source: ImageSource) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask(this.#at(this.#chosen));
      } catch (error) {
        if (this.#chosen === this.#sources.length - 1 || !TRY_NEXT.has(errorCode(error))) throw error;
        this.#log.warn({ err: error }, 'a mirror does not have the image; the next place is asked');
        this.#chosen += 1;
      }
    }
  }

  #at(index: number): ImageSource {
    return this.#sources[index] ?? this.#sources[0];
  }
}
