import { lstatSync, readFileSync } from 'node:fs';
import { certificateIdentity, parseCertificate } from '../../../pki/certificate.ts';
import type { OtherPlace } from './plan.ts';

/** A kubelet serves with a pair of this name that an admin gave it, and makes one where there is none. */
const CERTIFICATE = 'kubelet.crt';
const PAIR = '(?!kubelet\\.(crt|key)(\\.tmp-[0-9a-f]{8})?$)';
/** Of the certificate that a kubelet makes for itself, and of the CA that it throws away, as upstream's: `n1@1700000000`, `n1-ca@1700000000`. */
const OWN_NAME = /@\d+$/;
const OWN_ISSUER = /-ca@\d+$/;

/** The place without the kubelet's serving pair where no kubelet made that: what an admin gave it stays. */
export function withoutGivenPair(place: OtherPlace): OtherPlace {
  return {
    ...place,
    made: place.made.map(each => {
      const { path, holds } = each;
      if (holds?.test(CERTIFICATE) !== true || !isGiven(`${place.directory}/${path}/${CERTIFICATE}`)) return each;
      return { ...each, holds: new RegExp(`^${PAIR}(?:${holds.source})`) };
    }),
  };
}

/** A kubelet writes a regular file with its certificate first in it; what cannot be read as that is somebody's. */
function isGiven(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (!status.isFile()) return true;
  try {
    const certificate = parseCertificate(readFileSync(path, 'utf8'));
    const { commonName } = certificateIdentity(certificate.raw);
    return !OWN_NAME.test(commonName) || !OWN_ISSUER.test(certificate.issuer);
  } catch {
    return true;
  }
}
