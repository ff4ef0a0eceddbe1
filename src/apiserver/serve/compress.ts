import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ApiRequest, ApiResponse } from '../http.ts';

const compress = promisify(gzip);

/** Below this a body goes out as it is (upstream's figure): the time to compress would be more than the time saved. */
const GZIP_FROM_BYTES = 128 * 1024;

/** The answer with its body compressed, where it is large enough and the client takes that. The work is done off the main thread. */
export async function compressed(request: ApiRequest, response: ApiResponse): Promise<ApiResponse> {
  const { body, headers } = response;
  const isWhole = typeof body === 'string' || body instanceof Uint8Array;
  if (!isWhole || body.length <= GZIP_FROM_BYTES || headers['content-encoding'] !== undefined) return response;
  if (!takesGzip(request.headers.get('accept-encoding'))) return response;
  const small = await compress(body, { level: 1 });
  return { ...response, headers: { ...headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' }, body: small };
}

function takesGzip(header: string): boolean {
  return header.split(',').some(part => {
    const [name = '', ...parameters] = part.split(';').map(each => each.trim());
    return name.toLowerCase() === 'gzip' && !parameters.some(each => /^q=0(\.0*)?$/.test(each));
  });
}
