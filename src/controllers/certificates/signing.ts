import { timeOf } from '../../api/time.ts';
import type { CertificateSigningRequest } from '../../api/types/gen/certificates-v1.ts';
import { SETTLED } from '../../base/outcome.ts';
import { certificatePem, signCertificate } from '../../pki/certificate.ts';
import { readCertificateRequest } from '../../pki/certificate-request.ts';
import type { ControllerRow } from '../controller.ts';
import { CERTIFICATE_SIGNING_REQUESTS } from '../resources.ts';
import { certificateOfRequest } from './certificate-of-request.ts';
import { SIGNER, signerProblem, waitsForSigner } from './plan.ts';
import { requestText } from './request-text.ts';
import type { SigningAuthority } from './signing-authority.ts';

const SIGNERS: readonly string[] = Object.values(SIGNER);

/** Signs what was approved for the signers of the cluster itself, for `maxMs` at most, or says for good why not. */
export function requestSigningController(authority: SigningAuthority, maxMs: number): ControllerRow {
  return {
    name: 'certificatesigningrequest-signing-controller',
    alias: 'csrsigning',
    inputs: [CERTIFICATE_SIGNING_REQUESTS],
    outputs: [CERTIFICATE_SIGNING_REQUESTS],
    workers: 5,
    make({ informed, client, enqueue, clock, log }) {
      const requests = informed<CertificateSigningRequest>(CERTIFICATE_SIGNING_REQUESTS);
      const writer = client<CertificateSigningRequest>(CERTIFICATE_SIGNING_REQUESTS);
      requests.onChange(({ key, after }) => {
        if (after !== undefined) enqueue(key);
      });
      const sign = (request: CertificateSigningRequest): CertificateSigningRequest['status'] => {
        const { usages = [], expirationSeconds } = request.spec;
        const asked = readCertificateRequest(requestText(request));
        const now = clock.now();
        const problem = signerProblem(request, asked);
        if (problem !== undefined) return refused(request, problem, now);
        const issuer = authority.current(message => log.warn(message));
        const caNotAfter = Date.parse(issuer.certificate.validTo);
        const spec = certificateOfRequest(asked, { usages, expirationSeconds, maxMs, now, caNotAfter });
        const pem = certificatePem(signCertificate(spec, issuer));
        return { ...request.status, certificate: Buffer.from(pem).toString('base64') };
      };
      return {
        name: this.name,
        async reconcile(key, signal) {
          const request = requests.store.getByKey(key);
          if (request === undefined || !SIGNERS.includes(request.spec.signerName) || !waitsForSigner(request))
            return SETTLED;
          await writer.updateStatus({ ...request, status: sign(request) }, signal);
          return SETTLED;
        },
      };
    },
  };
}

function refused(
  { status }: CertificateSigningRequest,
  message: string,
  now: number,
): CertificateSigningRequest['status'] {
  const reason = 'SignerValidationFailure';
  const condition = { type: 'Failed', status: 'True' as const, reason, message, lastUpdateTime: timeOf(now) };
  return { ...status, conditions: [...(status.conditions ?? []), condition] };
}
