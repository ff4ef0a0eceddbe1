import { existsSync, readFileSync } from 'node:fs';
import { errnoName, errorMessage } from '../../base/errors.ts';
import {
  AUTHORITIES,
  type AuthorityName,
  managedCertificates,
} from '../../bootstrap/certificates/renewal/inventory.ts';
import type { Files } from '../../bootstrap/files.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { authorityAt, type CertificateHere, certificateAt } from '../reach/certificates.ts';
import type { Reach } from '../reach/reach.ts';
import type { CertificateFacts } from './facts.ts';

/** What a control plane needs; a kubeconfig that may be moved to a safer place (super-admin.conf) is not missed. */
const OPTIONAL: readonly string[] = ['super-admin.conf'];

/** The certificates that this machine needs or has, those of its kubelet and its CAs among them. `localEtcd` is false where somebody else runs etcd. Of what is where nobody answers only that is told. */
export function certificateFacts(
  files: Files,
  {
    isControlPlane,
    localEtcd,
    reach,
  }: { readonly isControlPlane: boolean; readonly localEtcd: boolean; readonly reach: Reach },
): readonly CertificateFacts[] {
  const hasKey = (name: AuthorityName): boolean => {
    const path = `${files.pkiDir}/${AUTHORITIES[name]}.key`;
    // who holds the key of a CA is as before while nobody can look
    return reach.silenceAt(path) !== undefined || existsSync(path);
  };
  const needed = (authority: AuthorityName): boolean => isControlPlane && (localEtcd || authority !== 'etcd-ca');
  const managed = managedCertificates(files, localEtcd).flatMap((each): readonly CertificateFacts[] => {
    const { name, authority, ofKubelet } = each;
    const found = certificateAt(each, reach);
    // the kubelet has one of two
    if (found.state === 'missing' && (ofKubelet || OPTIONAL.includes(name) || !needed(authority))) return [];
    const renewedBy = ofKubelet ? 'kubelet' : hasKey(authority) ? 'control-plane' : 'nobody';
    return [{ name, ...factsOf(found), renewedBy, isAuthority: false }];
  });
  const names = (Object.keys(AUTHORITIES) as AuthorityName[]).filter(name => name === 'ca' || needed(name));
  const authorities = names.map(
    (name): CertificateFacts => ({
      name,
      ...factsOf(authorityAt(files, name, reach)),
      renewedBy: 'nobody',
      isAuthority: true,
    }),
  );
  return [...managed, ...servingCertificate(files, reach), ...authorities];
}

/** That with which the kubelet serves, where it made one itself. */
function servingCertificate({ kubeletDir }: Files, reach: Reach): readonly CertificateFacts[] {
  const path = `${kubeletDir}/pki/kubelet.crt`;
  // whether there is one is not known then
  if (reach.silenceAt(path) !== undefined) return [];
  const common = { name: 'kubelet-serving', renewedBy: 'kubelet', isAuthority: false } as const;
  try {
    const { validFrom, validTo } = parseCertificate(readFileSync(path));
    return [{ ...common, state: 'present', notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) }];
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    return [
      { ...common, state: 'unreadable', notBefore: undefined, notAfter: undefined, because: errorMessage(error) },
    ];
  }
}

function factsOf(found: CertificateHere): Pick<CertificateFacts, 'state' | 'notBefore' | 'notAfter' | 'because'> {
  const { state } = found;
  if (state === 'present') return { state, notBefore: found.notBefore, notAfter: found.notAfter };
  const nothing = { state, notBefore: undefined, notAfter: undefined };
  return state === 'unreadable' || state === 'unanswered' ? { ...nothing, because: found.because } : nothing;
}
