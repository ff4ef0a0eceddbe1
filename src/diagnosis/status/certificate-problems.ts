import { humanDuration } from '../../api/human-duration.ts';
import { AUTHORITIES, type AuthorityName } from '../../bootstrap/certificates/renewal/inventory.ts';
import { CONTROL_PLANE_SERVICE, NODE_SERVICE } from '../../bootstrap/services.ts';
import type { CertificateFacts, StatusFacts } from './facts.ts';
import { logsOf, type Problem } from './problem.ts';

/** Renewals are tried for a third of a life; who is still here after this share of it was not renewed. The control plane renews at two thirds, kubelets at three quarters at the latest. */
const LATE_SHARE = { 'control-plane': 0.3, kubelet: 0.2, nobody: 1 / 3 };
/** CAs hold for years, and replacing one takes preparation. */
const AUTHORITY_SHARE = 0.1;

/** `expired`, `late` (to be renewed by now), `due` (within the last third of its life), `valid`; `unknown` where its place does not answer. */
export type CertificateState =
  | 'valid'
  | 'due'
  | 'late'
  | 'expired'
  | 'not-yet-valid'
  | 'missing'
  | 'unreadable'
  | 'unknown';

/** Where in its life a certificate is. Pure. */
export function certificateState(certificate: CertificateFacts, now: number): CertificateState {
  const { state, notBefore, notAfter, renewedBy, isAuthority } = certificate;
  if (state === 'unanswered') return 'unknown';
  if (state !== 'present' || notBefore === undefined || notAfter === undefined)
    return state === 'unreadable' ? 'unreadable' : 'missing';
  if (notAfter <= now) return 'expired';
  if (notBefore > now) return 'not-yet-valid';
  const left = (notAfter - now) / (notAfter - notBefore);
  if (left < (isAuthority ? AUTHORITY_SHARE : LATE_SHARE[renewedBy])) return 'late';
  return left < 1 / 3 ? 'due' : 'valid';
}

/** What is wrong with certificates: CAs first, for what they have signed is of no use without them. Pure. */
export function certificateProblems(facts: StatusFacts): readonly Problem[] {
  const authoritiesFirst = facts.certificates.toSorted((a, b) => Number(b.isAuthority) - Number(a.isAuthority));
  return authoritiesFirst.flatMap(certificate => {
    const what = certificateProblem(certificate, facts);
    const remedy = certificateRemedy(certificate, facts);
    return what === undefined ? [] : [{ part: `certificate ${certificate.name}`, what, remedy }];
  });
}

function certificateProblem(certificate: CertificateFacts, { now, role }: StatusFacts): string | undefined {
  const { notBefore = 0, notAfter = 0, because, isAuthority } = certificate;
  const end = new Date(notAfter).toISOString();
  switch (certificateState(certificate, now)) {
    case 'valid':
    case 'due':
      return undefined;
    case 'unknown':
      // that its place does not answer is told once
      return undefined;
    case 'missing':
      // that of a CA is on the control plane, and pods run without it
      return isAuthority && role === 'node' ? undefined : 'it is not there';
    case 'unreadable':
      return `it cannot be read: ${because ?? 'no reason is known'}`;
    case 'expired':
      return `it expired at ${end}, ${humanDuration(now - notAfter)} ago`;
    case 'not-yet-valid':
      return `it holds from ${new Date(notBefore).toISOString()} on, which is to come by the clock of this machine`;
    case 'late':
      return isAuthority
        ? `it expires at ${end}, in ${humanDuration(notAfter - now)}`
        : `it expires at ${end}, in ${humanDuration(notAfter - now)}, and was not renewed`;
  }
}

function certificateRemedy(certificate: CertificateFacts, { role, now }: StatusFacts): string {
  const { name, renewedBy, isAuthority } = certificate;
  const state = certificateState(certificate, now);
  if (isAuthority && (state === 'missing' || state === 'unreadable')) return lostAuthorityRemedy(name, role);
  if (state === 'missing') return missingRemedy(certificate);
  if (state === 'not-yet-valid') return 'date; timedatectl';
  if (isAuthority) return 'CAs are not renewed: plan a new one, and see "gantry certs check-expiration"';
  if (renewedBy === 'control-plane') return `gantry certs renew ${name}; ${logsOf(CONTROL_PLANE_SERVICE)}`;
  if (renewedBy === 'nobody') return 'renew it where the key of its CA is, and put it here';
  return role === 'control-plane'
    ? logsOf(NODE_SERVICE)
    : `"gantry token create --print-join-command" on a control plane prints what to run here; ${logsOf(NODE_SERVICE)}`;
}

function missingRemedy({ name, renewedBy }: CertificateFacts): string {
  if (renewedBy === 'nobody') return 'make it where the key of its CA is, and put it here';
  const [, kubeconfig] = /^(.+)\.conf$/.exec(name) ?? [];
  return kubeconfig === undefined ? `gantry init phase certs ${name}` : `gantry init phase kubeconfig ${kubeconfig}`;
}

/** Never the phase that makes one: a new CA in the place of the old would end all that the old has signed. */
function lostAuthorityRemedy(name: string, role: StatusFacts['role']): string {
  if (role === 'node') return 'copy it here from the control plane, or from another node of the cluster';
  const file = AUTHORITIES[name as AuthorityName];
  const copies = name === 'ca' ? ' (nodes, and kubeconfigs in "certificate-authority-data", have the certificate)' : '';
  return `put ${file}.crt and its ${file}.key back from a backup or another copy${copies}: what the old one has signed holds by no new one. Only where nothing of the cluster is to be kept, "gantry reset" and "gantry init" make another`;
}
