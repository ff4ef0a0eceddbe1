import type { ErrorCode } from '../../base/errors.ts';
import type { LayerUsage } from './unpack-layer.ts';

/**
 * What passes between the image store and an unpack process. To the process, per layer: four bytes of length (big endian), the request as JSON,
 * then exactly `size` bytes of the layer. Back: one line of JSON.
 */
export interface UnpackRequest {
  /** Existing empty directory. */
  readonly directory: string;
  /** Bytes that follow. */
  readonly size: number;
  /** Digest of those bytes; undefined where the archive names the uncompressed one only. */
  readonly digest: string | undefined;
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
  /** Most bytes of uncompressed tar. */
  readonly maxBytes: number;
}

export type UnpackAnswer =
  | ({ readonly ok: true; readonly tarBytes: number } & LayerUsage)
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };
