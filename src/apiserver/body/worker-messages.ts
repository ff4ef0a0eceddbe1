import { builtinTable } from '../../api/schema/builtin.ts';
import { ApiError, type StatusReason } from '../../api/status.ts';
import type { StatusDetails } from '../../api/types/gen/meta-v1.ts';
import { OBJECT_TYPES } from '../negotiation/negotiate.ts';
import { type Body, type BodyKind, type DecodedObject, decodeBody, MAX_YAML_DEPTH } from './decode-body.ts';
import { packObject, unpackObject } from './handover.ts';

/** A body on its way to a thread: types go by their names. */
export interface BodyMessage {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly expected: Omit<BodyKind, 'type'> & { readonly type: string };
  readonly fieldValidation: Body['fieldValidation'];
}

/** What comes back: the object as packed JSON, or the refusal. */
export type BodyReply =
  | { readonly json: Uint8Array; readonly warnings: readonly string[] }
  | { readonly reason: StatusReason; readonly message: string; readonly details: StatusDetails | undefined }
  | { readonly defect: string };

export function bodyMessage({ bytes, mediaType, expected, fieldValidation }: Body): BodyMessage {
  return { bytes, mediaType: mediaType.name, expected: { ...expected, type: expected.type.id }, fieldValidation };
}

/** Decodes a body of another thread. Its packages of the table are loaded. Never throws. */
export function answerBody({ bytes, mediaType, expected, fieldValidation }: BodyMessage): BodyReply {
  try {
    const type = OBJECT_TYPES.find(each => each.name === mediaType);
    if (type === undefined) throw new Error(`${mediaType} is no media type of objects`);
    const body: Body = {
      bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      mediaType: type,
      expected: { ...expected, type: builtinTable.struct(expected.type) },
      fieldValidation,
    };
    const { object, warnings } = decodeBody(body, MAX_YAML_DEPTH);
    return { json: Buffer.from(packObject(object)), warnings };
  } catch (error) {
    if (error instanceof ApiError)
      return { reason: error.statusReason, message: error.message, details: error.details };
    return { defect: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** What a reply says. Throws the refusal. */
export function readReply(reply: BodyReply, { expected }: Body): DecodedObject {
  if ('json' in reply) {
    const text = Buffer.from(reply.json.buffer, reply.json.byteOffset, reply.json.byteLength).toString();
    return { object: unpackObject(expected.type, text), warnings: reply.warnings };
  }
  if ('defect' in reply) throw new Error(`a body could not be decoded: ${reply.defect}`);
  const { reason, message, details } = reply;
  throw new ApiError(reason, message, details === undefined ? {} : { details });
}
