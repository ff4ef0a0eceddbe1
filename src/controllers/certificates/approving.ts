import type { SubjectAccessReview } from '../../api/types/gen/authorization-v1.ts';
import type { CertificateSigningRequest } from '../../api/types/gen/certificates-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import { SETTLED } from '../../base/outcome.ts';
import { readCertificateRequest } from '../../pki/certificate-request.ts';
import type { ControllerRow } from '../controller.ts';
import { CERTIFICATE_SIGNING_REQUESTS, SUBJECT_ACCESS_REVIEWS } from '../resources.ts';
import { conditionOf, type Recognized, recognized } from './plan.ts';
import { requestText } from './request-text.ts';

/** Approves the client certificates of kubelets for whoever may have them: a node that joins, and a node for itself. */
export const requestApprovingController: ControllerRow = {
  name: 'certificatesigningrequest-approving-controller',
  alias: 'csrapproving',
  inputs: [CERTIFICATE_SIGNING_REQUESTS],
  outputs: [CERTIFICATE_SIGNING_REQUESTS, SUBJECT_ACCESS_REVIEWS],
  workers: 5,
  make({ informed, client, enqueue }) {
    const requests = informed<CertificateSigningRequest>(CERTIFICATE_SIGNING_REQUESTS);
    const writer = client<CertificateSigningRequest>(CERTIFICATE_SIGNING_REQUESTS);
    const reviews = client<SubjectAccessReview>(SUBJECT_ACCESS_REVIEWS);
    requests.onChange(({ key, after }) => {
      if (after !== undefined) enqueue(key);
    });
    return {
      name: this.name,
      async reconcile(key, signal) {
        const request = requests.store.getByKey(key);
        if (request === undefined || isDecided(request)) return SETTLED;
        const kinds = recognized(request, readCertificateRequest(requestText(request)));
        for (const kind of kinds) {
          const { status } = await reviews.create(reviewOf(request, kind), signal);
          if (!status.allowed) continue;
          await writer.updateApproval(approved(request, kind), signal);
          return SETTLED;
        }
        if (kinds.length === 0) return SETTLED;
        // the right may be given later, and nothing tells of that
        const tried = kinds.map(kind => kind.subresource).join(' ');
        throw failedPrecondition(
          `recognized csr ${JSON.stringify(key)} as [${tried}] but subject access review was not approved`,
        );
      },
    };
  },
};

function isDecided(request: CertificateSigningRequest): boolean {
  return (
    (request.status.certificate ?? '') !== '' ||
    conditionOf(request, 'Approved') !== undefined ||
    conditionOf(request, 'Denied') !== undefined
  );
}

function reviewOf({ spec }: CertificateSigningRequest, { subresource }: Recognized): SubjectAccessReview {
  const { username, uid, groups, extra } = spec;
  return {
    metadata: {},
    spec: {
      ...(username === undefined ? {} : { user: username }),
      ...(uid === undefined ? {} : { uid }),
      ...(groups === undefined ? {} : { groups }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: {
        group: 'certificates.k8s.io',
        version: '*',
        resource: 'certificatesigningrequests',
        subresource,
        verb: 'create',
      },
    },
  } as SubjectAccessReview;
}

function approved(request: CertificateSigningRequest, { message }: Recognized): CertificateSigningRequest {
  const condition = { type: 'Approved', status: 'True' as const, reason: 'AutoApproved', message };
  return { ...request, status: { ...request.status, conditions: [...(request.status.conditions ?? []), condition] } };
}
