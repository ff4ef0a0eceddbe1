import type { CertificateSigningRequest } from '../../api/types/gen/certificates-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { SETTLED, waitFor } from '../../base/outcome.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import type { ControllerRow } from '../controller.ts';
import { CERTIFICATE_SIGNING_REQUESTS } from '../resources.ts';
import { uselessFrom } from './plan.ts';

/** Deletes requests that are of no use any more. */
export const requestCleanerController: ControllerRow = {
  name: 'certificatesigningrequest-cleaner-controller',
  alias: 'csrcleaner',
  inputs: [CERTIFICATE_SIGNING_REQUESTS],
  outputs: [CERTIFICATE_SIGNING_REQUESTS],
  workers: 1,
  make({ informed, client, enqueue, clock }) {
    const requests = informed<CertificateSigningRequest>(CERTIFICATE_SIGNING_REQUESTS);
    const writer = client<CertificateSigningRequest>(CERTIFICATE_SIGNING_REQUESTS);
    requests.onChange(({ key, after }) => {
      if (after !== undefined) enqueue(key);
    });
    return {
      name: this.name,
      async reconcile(key, signal) {
        const request = requests.store.getByKey(key);
        const from = request === undefined ? undefined : uselessFrom(request, endOfCertificate(request));
        if (request === undefined || from === undefined) return SETTLED;
        const leftMs = from - clock.now();
        if (leftMs >= 0) return waitFor(leftMs + 1, 'it may still be of use');
        const { uid } = request.metadata;
        try {
          await writer.delete('', key, uid === undefined ? {} : { preconditions: { uid } }, signal);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return SETTLED;
      },
    };
  },
};

/** In ms since the epoch; undefined where there is no certificate that can be read: other signers write what they like. */
function endOfCertificate({ status }: CertificateSigningRequest): number | undefined {
  if ((status.certificate ?? '') === '') return undefined;
  try {
    return Date.parse(parseCertificate(Buffer.from(status.certificate ?? '', 'base64')).validTo);
  } catch {
    return undefined;
  }
}
