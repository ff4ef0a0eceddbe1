import type { CertificateSigningRequest } from '../../api/types/gen/certificates-v1.ts';

/** The PEM text of a request. */
export function requestText({ spec }: CertificateSigningRequest): string {
  return Buffer.from(spec.request, 'base64').toString('latin1');
}
