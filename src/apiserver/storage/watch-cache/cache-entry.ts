import { withResourceVersion } from '../object-metadata.ts';
import type { StoredObject } from '../storage.ts';

/** Parses a stored value; the result must not be changed. `revision` becomes its resourceVersion. */
export type Decode<T> = (value: Buffer, revision: number, key: string) => T;

/** One version of one object. It is parsed when somebody first asks, and encoded once for each media type, whoever it is sent to. */
export class CacheEntry<T extends object> implements StoredObject {
  readonly key: string;
  readonly value: Buffer;
  readonly revision: number;
  readonly #decode: Decode<T>;
  #object: T | undefined;
  #stored: Buffer | undefined;
  #encodings: Map<string, Buffer> | undefined;

  constructor(stored: StoredObject, decode: Decode<T>) {
    this.key = stored.key;
    this.value = stored.value;
    this.revision = stored.revision;
    this.#decode = decode;
  }

  get object(): T {
    this.#object ??= this.#decode(this.value, this.revision, this.key);
    return this.#object;
  }

  /** The stored bytes with the resourceVersion in them. Throws `corrupt` for what is no JSON. */
  get stored(): Buffer {
    this.#stored ??= withResourceVersion(this.value, this.revision);
    return this.#stored;
  }

  /** What `encode` made of this version when it was first called for `mediaType` (any key that stands for the form of the bytes). */
  encoded(mediaType: string, encode: (entry: CacheEntry<T>) => Buffer): Buffer {
    this.#encodings ??= new Map();
    let bytes = this.#encodings.get(mediaType);
    if (bytes === undefined) {
      bytes = encode(this);
      this.#encodings.set(mediaType, bytes);
    }
    return bytes;
  }

  /** Lets go of what can be made again from the stored bytes. */
  forget(): void {
    this.#object = undefined;
    this.#stored = undefined;
    this.#encodings = undefined;
  }

  /** The same content as of another revision: what a deletion shows. */
  at(revision: number): CacheEntry<T> {
    return new CacheEntry<T>({ key: this.key, value: this.value, revision }, this.#decode);
  }
}
