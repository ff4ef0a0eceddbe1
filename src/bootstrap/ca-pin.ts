import { parseCertificate } from '../pki/certificate.ts';
import { spkiPin } from '../pki/keys.ts';
import { type Disk, realDisk } from './disk.ts';
import type { Files } from './files.ts';

/** The pin by which nodes that join know this cluster's CA. */
export function caPin({ pkiDir }: Pick<Files, 'pkiDir'>, disk: Disk = realDisk): string {
  return spkiPin(parseCertificate(disk.read(`${pkiDir}/ca.crt`)).publicKey);
}
