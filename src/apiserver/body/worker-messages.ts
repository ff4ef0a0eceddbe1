import { UnreadableYamlError, type YamlBody } from '../../api/decode/json/decode-yaml-body.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { ApiError, type StatusReason } from '../../api/status.ts';
import type { StatusDetails } from '../../api/types/gen/meta-v1.ts';
import { OBJECT_TYPES } from '../negotiation/negotiate.ts';
import {
  type Body,
  type BodyKind,
  type DecodedObject,
  decodeBody,
  MAX_YAML_DEPTH,
  readYamlText,
} from './decode-body.ts';
import { packObject, unpackObject } from './handover.ts';

/** What a thread is asked: an object, or the JSON of a text in YAML. */
export type BodyMessage = ObjectMessage | YamlMessage;

/** A body on its way to a thread: types go by their names. */
interface ObjectMessage {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly expected: Omit<BodyKind, 'type'> & { readonly type: string };
  readonly fieldValidation: Body['fieldValidation'];
}

interface YamlMessage {
  readonly bytes: Uint8Array;
  readonly expected: undefined;
}

/** What comes back: the object as packed JSON, or the refusal. */
export type BodyReply =
  | { readonly json: Uint8Array; readonly warnings: readonly string[] }
  | { readonly reason: StatusReason; readonly message: string; readonly details: StatusDetails | undefined }
  | { readonly unreadable: string }
  | { readonly defect: string };

export function bodyMessage({ bytes, mediaType, expected, fieldValidation }: Body): BodyMessage {
  return { bytes, mediaType: mediaType.name, expected: { ...expected, type: expected.type.id }, fieldValidation };
}

/** Decodes a body of another thread. Its packages of the table are loaded. Never throws. */
export function answerBody(message: BodyMessage): BodyReply {
  if (message.expected === undefined) return answerYaml(message);
  const { bytes, mediaType, expected, fieldValidation } = message;
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

function answerYaml({ bytes }: YamlMessage): BodyReply {
  try {
    const { value, duplicates } = readYamlText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return { json: Buffer.from(JSON.stringify(value)), warnings: duplicates };
  } catch (error) {
    if (error instanceof UnreadableYamlError) return { unreadable: error.message };
    return { defect: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** What a reply says of a text in YAML. Throws UnreadableYamlError. */
export function readYamlReply(reply: BodyReply): YamlBody {
  if ('unreadable' in reply) throw new UnreadableYamlError(reply.unreadable);
  if (!('json' in reply))
    throw new Error(`YAML could not be read: ${'defect' in reply ? reply.defect : reply.message}`);
  const text = Buffer.from(reply.json.buffer, reply.json.byteOffset, reply.json.byteLength).toString();
  return { value: JSON.parse(text), duplicates: reply.warnings };
}

/** What a reply says. Throws the refusal. */
export function readReply(reply: BodyReply, { expected }: Body): DecodedObject {
  if ('json' in reply) {
    const text = Buffer.from(reply.json.buffer, reply.json.byteOffset, reply.json.byteLength).toString();
    return { object: unpackObject(expected.type, text), warnings: reply.warnings };
  }
  if ('unreadable' in reply) throw new UnreadableYamlError(reply.unreadable);
  if ('defect' in reply) throw new Error(`a body could not be decoded: ${reply.defect}`);
  const { reason, message, details } = reply;
  throw new ApiError(reason, message, details === undefined ? {} : { details });
}
