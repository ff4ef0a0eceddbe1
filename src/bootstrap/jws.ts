import { createHmac, timingSafeEqual } from 'node:crypto';
import type { BootstrapToken } from './token.ts';

/**
 * The detached signature (RFC 7515, appendix F) of a text by a bootstrap token: HS256 with the token's secret as the key, its id as `kid`. The header is
 * written byte for byte as upstream's library does, because signatures are compared as texts.
 */
export function detachedSignature(content: string, { id, secret }: BootstrapToken): string {
  const header = base64url(JSON.stringify({ alg: 'HS256', kid: id }));
  const signature = createHmac('sha256', secret)
    .update(`${header}.${base64url(content)}`)
    .digest('base64url');
  return `${header}..${signature}`;
}

/** True when the token made this signature of this text. */
export function isDetachedSignature(signature: string, content: string, token: BootstrapToken): boolean {
  const given = Buffer.from(signature);
  const right = Buffer.from(detachedSignature(content, token));
  return given.length === right.length && timingSafeEqual(given, right);
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
