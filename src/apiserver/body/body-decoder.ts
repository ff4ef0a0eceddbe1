import { type Body, type DecodedObject, decodeBody } from './decode-body.ts';

/** Makes objects of bodies, here or elsewhere. */
export interface BodyDecoder {
  /** Rejects with what `decodeBody` throws, and with the reason of the signal. */
  decode(body: Body, signal: AbortSignal): Promise<DecodedObject>;
}

/** Decodes on the event loop, however long it takes. */
export const decodeHere: BodyDecoder = {
  decode: async body => decodeBody(body),
};
