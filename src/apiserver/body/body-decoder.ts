import type { YamlBody } from '../../api/decode/json/decode-yaml-body.ts';
import { type Body, type DecodedObject, decodeBody, readYamlText } from './decode-body.ts';

/** Makes objects of bodies, here or elsewhere. */
export interface BodyDecoder {
  /** Rejects with what `decodeBody` throws, and with the reason of the signal. */
  decode(body: Body, signal: AbortSignal): Promise<DecodedObject>;
  /** The JSON of a YAML text, for what is no whole object. Rejects with UnreadableYamlError, and as `decode`. */
  readYaml(bytes: Buffer, signal: AbortSignal): Promise<YamlBody>;
}

/** Decodes on the event loop, however long it takes. */
export const decodeHere: BodyDecoder = {
  decode: async body => decodeBody(body),
  readYaml: async bytes => readYamlText(bytes),
};
