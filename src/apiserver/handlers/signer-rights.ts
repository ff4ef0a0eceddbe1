import { goQuote } from '../../api/go-quote.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import { forbiddenError } from '../../api/status.ts';
import type { CertificateSigningRequest } from '../../api/types/gen/certificates-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { readCertificateRequest } from '../../pki/certificate-request.ts';
import { GROUP_MASTERS, type UserInfo } from '../authn/user.ts';
import { resourceAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import type { ServedResource } from './served-resource.ts';

const GROUP = 'certificates.k8s.io';
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

/**
 * Throws 403 for a certificate signing request that is approved, denied or signed by who may not do so for its signer, and for a new one that asks
 * for the rights of a master. Other kinds pass.
 */
export function checkSignerRights(
  { authorizer }: Pick<HandlerContext, 'authorizer'>,
  served: Pick<ServedResource, 'resource' | 'groupResource'>,
  object: ApiObject,
  old: ApiObject | undefined,
  { user, subresource }: Pick<WriteOptions, 'user' | 'subresource'>,
): void {
  if (served.resource.group !== GROUP || served.resource.plural !== 'certificatesigningrequests') return;
  const request = object as unknown as CertificateSigningRequest;
  const before = old as unknown as CertificateSigningRequest | undefined;
  const because =
    before === undefined
      ? masterProblem(request)
      : signerProblem(authorizer, user, before.spec.signerName, neededVerb(request, before, subresource));
  if (because !== undefined) throw forbiddenError(served.groupResource, object.metadata.name ?? '', because);
}

/** Metadata may be written through status by who signs nothing. */
function neededVerb(
  request: CertificateSigningRequest,
  before: CertificateSigningRequest,
  subresource: string,
): 'approve' | 'sign' | undefined {
  if (subresource === 'approval') return 'approve';
  return subresource === 'status' && !equalValues(request.status, before.status) ? 'sign' : undefined;
}

function signerProblem(
  authorizer: Authorizer,
  user: UserInfo,
  signer: string,
  verb: 'approve' | 'sign' | undefined,
): string | undefined {
  if (verb === undefined) return undefined;
  const names = [signer, `${signer.split('/')[0] ?? ''}/*`];
  const allowed = names.some(
    name =>
      authorizer.authorize(resourceAttributes(user, verb, { apiGroup: GROUP, resource: 'signers', name })).kind ===
      'allow',
  );
  return allowed ? undefined : `user not permitted to ${verb} requests with signerName ${goQuote(signer)}`;
}

function masterProblem({ spec }: CertificateSigningRequest): string | undefined {
  if (spec.signerName !== CLIENT_SIGNER) return undefined;
  try {
    const { subject } = readCertificateRequest(Buffer.from(spec.request, 'base64').toString('latin1'));
    return subject.organizations.includes(GROUP_MASTERS)
      ? `use of ${CLIENT_SIGNER} signer with ${GROUP_MASTERS} group is not allowed`
      : undefined;
  } catch (error) {
    return `failed to parse CSR: ${errorMessage(error)}`;
  }
}
