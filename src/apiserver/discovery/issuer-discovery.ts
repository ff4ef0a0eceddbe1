import type { KeyObject } from 'node:crypto';
import { keyId, publicHalf } from '../../pki/keys.ts';
import { jwtAlgorithm } from '../authn/jwt.ts';
import type { Handler } from '../pipeline/context.ts';

/** Answers the OpenID documents with which others check tokens of service accounts. Throws `invalid-argument` for keys by which no token is signed. */
export function issuerDiscovery(
  options: { readonly issuer: string; readonly publicKeys: readonly KeyObject[]; readonly jwksUri: string },
  next: Handler,
): Handler {
  const keys = options.publicKeys.map(key => {
    const jwk = publicHalf(key).export({ format: 'jwk' });
    return { use: 'sig', ...jwk, kid: keyId(key), alg: jwtAlgorithm(key).alg };
  });
  const configuration = {
    issuer: options.issuer,
    jwks_uri: options.jwksUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(key => key.alg))],
  };
  const documents = new Map([
    ['/.well-known/openid-configuration', { type: 'application/json', body: JSON.stringify(configuration) }],
    ['/openid/v1/jwks', { type: 'application/jwk-set+json', body: JSON.stringify({ keys }) }],
  ]);
  return async context => {
    const { path, method } = context.request;
    const document = method === 'GET' || method === 'HEAD' ? documents.get(path) : undefined;
    if (document === undefined) return next(context);
    const headers = { 'content-type': document.type, 'cache-control': 'public, max-age=3600' };
    return { status: 200, headers, body: document.body };
  };
}
