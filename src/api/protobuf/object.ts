import { MAX_ELEMENTS } from '../decode/max-elements.ts';
import type { StructType } from '../schema/table.ts';
import { decodeMessage } from './decode-message.ts';
import { encodeMessage } from './encode-message.ts';
import { openEnvelope, wrapEnvelope } from './envelope.ts';

/** The object with its apiVersion and kind as a protobuf body. */
export function encodeProtobuf(type: StructType, object: object): Buffer {
  const { apiVersion, kind } = object as { readonly apiVersion?: string; readonly kind?: string };
  return wrapEnvelope(apiVersion ?? '', kind ?? '', encodeMessage(type, object));
}

/**
 * The object of a protobuf body. `typeFor` says the type of an apiVersion and kind, or throws where they are not what the
 * request is about. Throws `invalid-argument` on bytes that are no such message, 413 for what has too many
 * elements.
 */
export function decodeProtobuf(
  bytes: Buffer,
  typeFor: (apiVersion: string, kind: string) => StructType,
): Record<string, unknown> {
  const { apiVersion, kind, raw } = openEnvelope(bytes);
  return { kind, apiVersion, ...decodeMessage(typeFor(apiVersion, kind), raw, MAX_ELEMENTS) };
}
