import type { ErrorCode } from '../../base/errors.ts';
import type { DirectoryUsage } from '../../linux/directory-usage.ts';
import type { BlobLocation } from './image-source.ts';
import type { LayerOutcome } from './unpack-layer.ts';

/**
 * What passes between the image store and an unpack process: to the process one line of JSON per layer (UnpackRequest), back lines of JSON
 * (UnpackReport), the last of them `done` or `failed`. The bytes of the layer pass by neither pipe: the process reads them where they are.
 */
export interface UnpackRequest {
  /** Existing empty directory. */
  readonly directory: string;
  /** May hold credentials of a registry, which is why requests go through a pipe and are not logged. */
  readonly source: BlobLocation;
  /** Bytes of the layer as they come. */
  readonly size: number;
  /** Digest of those bytes; undefined where the archive names the uncompressed one only. */
  readonly digest: string | undefined;
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
  /** Most bytes of uncompressed tar. */
  readonly maxBytes: number;
}

/** What the layer takes on disk, as du counts it once all is written out. */
export interface LayerUsage extends LayerOutcome, DirectoryUsage {}

export type UnpackReport =
  /** Bytes of the layer that have been taken so far. */
  | { readonly kind: 'progress'; readonly bytes: number }
  /** The source broke off and is asked for the rest. */
  | { readonly kind: 'again'; readonly message: string; readonly delayMs: number; readonly bytes: number }
  | { readonly kind: 'done'; readonly usage: LayerUsage }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly reason: string | undefined;
    };
