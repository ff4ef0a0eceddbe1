import { createHmac } from 'node:crypto';

/**
 * A signature apart from its content (RFC 7515, appendix F) by a bootstrap token: HS256 with the secret of the token, whose id is the `kid`. The same for the same
 * content and token, byte for byte that of kubeadm's go-jose, so whoever holds the token checks it by making it again.
 */
export function detachedSignature(content: string, token: { readonly id: string; readonly secret: string }): string {
  const header = base64url(JSON.stringify({ alg: 'HS256', kid: token.id }));
  const signature = createHmac('sha256', token.secret)
    .update(`${header}.${base64url(content)}`)
    .digest('base64url');
  return `${header}..${signature}`;
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}
