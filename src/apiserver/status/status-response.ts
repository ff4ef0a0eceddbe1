import { yamlText } from '../../api/encode/yaml-text.ts';
import type { Status } from '../../api/types/gen/meta-v1.ts';
import type { ApiRequest, ApiResponse } from '../http.ts';
import { JSON_TYPE, type MediaType, negotiateResponse, YAML_TYPE } from '../negotiation/negotiate.ts';

/** Writes objects in one representation. */
export interface ObjectWriter {
  readonly mediaType: MediaType;
  write(object: object, pretty: boolean): Uint8Array | string;
}

export const jsonWriter: ObjectWriter = {
  mediaType: JSON_TYPE,
  write: (object, pretty) => (pretty ? `${JSON.stringify(object, undefined, 2)}\n` : `${JSON.stringify(object)}\n`),
};

export const yamlWriter: ObjectWriter = { mediaType: YAML_TYPE, write: object => yamlText(object) };

/**
 * The answer for a failed request. It is written as the client asked by Accept; a client whose wish cannot be met still learns of the failure, in
 * JSON. `writers` must not be empty; protobuf comes in through them.
 */
export function statusResponse(
  status: Status,
  request: Pick<ApiRequest, 'headers' | 'query'>,
  writers: readonly ObjectWriter[],
): ApiResponse {
  const retryAfter = status.details?.retryAfterSeconds ?? 0;
  const { writer, pretty } = chooseWriter(request, writers);
  return {
    status: status.code ?? 500,
    headers: {
      'content-type': writer.mediaType.name,
      'x-content-type-options': 'nosniff',
      ...(retryAfter > 0 ? { 'retry-after': String(retryAfter) } : {}),
    },
    body: writer.write(status, pretty),
  };
}

function chooseWriter(
  request: Pick<ApiRequest, 'headers' | 'query'>,
  writers: readonly ObjectWriter[],
): { readonly writer: ObjectWriter; readonly pretty: boolean } {
  try {
    const agreement = negotiateResponse(request, { mediaTypes: writers.map(writer => writer.mediaType) });
    const writer = writers.find(candidate => candidate.mediaType === agreement.mediaType) ?? jsonWriter;
    return { writer, pretty: agreement.pretty };
  } catch {
    return { writer: jsonWriter, pretty: false };
  }
}
