import { readFileSync } from 'node:fs';
import { parseCertificate } from '../pki/certificate.ts';
import { spkiPin } from '../pki/keys.ts';
import type { Files } from './files.ts';

/** The pin by which nodes that join know this cluster's CA. */
export function caPin({ pkiDir }: Pick<Files, 'pkiDir'>): string {
  return spkiPin(parseCertificate(readFileSync(`${pkiDir}/ca.crt`)).publicKey);
}
