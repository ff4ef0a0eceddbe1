import {
  AUTHORITIES,
  type AuthorityName,
  type FoundCertificate,
  type ManagedCertificate,
  readAuthority,
  readManaged,
} from '../../bootstrap/certificates/renewal/inventory.ts';
import type { Files } from '../../bootstrap/files.ts';
import type { Reach } from './reach.ts';

/** What is at its place, or that nobody answers there. */
export type CertificateHere = FoundCertificate | { readonly state: 'unanswered'; readonly because: string };

/** A certificate of this machine, where its place answers. */
export function certificateAt(managed: ManagedCertificate, reach: Reach): CertificateHere {
  const because = silenceAround(managed, reach);
  return because === undefined ? readManaged(managed) : { state: 'unanswered', because };
}

/** The same for a CA. */
export function authorityAt(files: Files, name: AuthorityName, reach: Reach): CertificateHere {
  const because = reach.silenceAt(`${files.pkiDir}/${AUTHORITIES[name]}.crt`);
  return because === undefined ? readAuthority(files, name) : { state: 'unanswered', because };
}

function silenceAround({ at }: ManagedCertificate, reach: Reach): string | undefined {
  if (at.form === 'pair') return reach.silenceAt(at.certificate);
  return at.form === 'bundle' ? reach.silenceAt(at.path) : reach.silenceAtKubeconfig(at.path);
}
