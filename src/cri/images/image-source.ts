import type { Descriptor } from './manifest.ts';
import type { RepositoryAccess } from './registry-access.ts';

/** A manifest or index as bytes, with the digest that was computed from them. */
export interface ManifestBlob {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: string;
}

/** Where the bytes of a layer are, said so that another process can read them there. It holds credentials: never log it. */
export type BlobLocation =
  /** One of `repositories` has it, the first if nothing goes wrong. */
  | { readonly kind: 'registry'; readonly repositories: readonly RepositoryAccess[]; readonly digest: string }
  /** `length` bytes from `offset` of a file. */
  | { readonly kind: 'file'; readonly path: string; readonly offset: number; readonly length: number };

/** Where images come from: a repository of a registry, or an archive on disk. Every call names the source in its errors. */
export interface ImageSource {
  /** The manifest or index that a tag or digest stands for, verified against the digest when one is asked for. */
  manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestBlob>;
  /**
   * The digest of the same, as the source says it without giving it (HEAD): it tells that nothing has changed, and that who asks may have it. Undefined where
   * it says none.
   */
  digestOf?(tagOrDigest: string, signal: AbortSignal): Promise<string | undefined>;
  /** A small blob, whole and verified. */
  document(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer>;
  /** Where a layer is, to be asked for right before it is read: a token in it gets old. */
  locate(descriptor: Descriptor): Promise<BlobLocation>;
  /**
   * To be told that what came from where `locate` said last was not the blob of this digest. True when it will name another place now; false where there is
   * none.
   */
  distrust?(digest: string): boolean;
  close(): void;
}
