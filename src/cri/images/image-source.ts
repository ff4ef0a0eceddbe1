import type { Readable } from 'node:stream';
import type { Descriptor } from './manifest.ts';

/** A manifest or index as bytes, with the digest that was computed from them. */
export interface ManifestBlob {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: string;
}

/** Where images come from: a repository of a registry, or an archive on disk. Every call names the source in its errors. */
export interface ImageSource {
  /** The manifest or index that a tag or digest stands for, verified against the digest when one is asked for. */
  manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestBlob>;
  /** A small blob, whole and verified. */
  document(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer>;
  /** A blob as a stream; not verified here. Errors of the stream are GantryErrors. */
  blob(descriptor: Descriptor, signal: AbortSignal): Promise<Readable>;
  close(): void;
}
