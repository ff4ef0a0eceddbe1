import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/types/gen/certificates-v1.ts';
import type { CertificateRequest } from '../../pki/certificate-request.ts';

/** Who gets a certificate from whom: upstream's rules and words. */

export const SIGNER = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacyUnknown: 'kubernetes.io/legacy-unknown',
} as const;

const NODES_GROUP = 'system:nodes';
const NODE_PREFIX = 'system:node:';

export function conditionOf(
  request: CertificateSigningRequest,
  type: string,
): CertificateSigningRequestCondition | undefined {
  return request.status.conditions?.find(condition => condition.type === type);
}

/** What somebody must be allowed to create for a request to be approved without a person. */
export interface Recognized {
  readonly subresource: 'selfnodeclient' | 'nodeclient';
  /** Of the condition that approves. */
  readonly message: string;
}

/** What a request is, the narrowest first: a kubelet that asks for itself, and a kubelet's client certificate whoever asks. */
export function recognized(
  { spec }: Pick<CertificateSigningRequest, 'spec'>,
  asked: CertificateRequest,
): readonly Recognized[] {
  if (spec.signerName !== SIGNER.kubeletClient || kubeletClientProblem(asked, spec.usages ?? []) !== undefined)
    return [];
  const any: Recognized = {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  };
  if (spec.username !== asked.subject.commonName) return [any];
  return [
    {
      subresource: 'selfnodeclient',
      message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    },
    any,
  ];
}

/** True for what a signer has to look at: approved, not denied, neither refused nor issued yet. */
export function waitsForSigner(request: CertificateSigningRequest): boolean {
  const failed = request.status.conditions?.some(
    ({ type, status }) => type === 'Failed' && (status === 'True' || (status as string) === ''),
  );
  return (
    conditionOf(request, 'Approved') !== undefined &&
    conditionOf(request, 'Denied') === undefined &&
    failed !== true &&
    (request.status.certificate ?? '') === ''
  );
}

/** Why a signer refuses a request for good; undefined where it signs it. Only for the signers of `SIGNER`. */
export function signerProblem(
  { spec }: Pick<CertificateSigningRequest, 'spec'>,
  asked: CertificateRequest,
): string | undefined {
  const usages = spec.usages ?? [];
  switch (spec.signerName) {
    case SIGNER.client:
      return clientProblem(usages);
    case SIGNER.kubeletClient:
      return kubeletClientProblem(asked, usages);
    case SIGNER.kubeletServing:
      return kubeletServingProblem(asked, usages);
    default:
      return undefined;
  }
}

function clientProblem(usages: readonly string[]): string | undefined {
  const other = usages.find(usage => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

function kubeletClientProblem(asked: CertificateRequest, usages: readonly string[]): string | undefined {
  const { dnsNames, emailAddresses, ipAddresses, uris } = asked.subjectAltNames;
  if (!isOfNodes(asked)) return 'subject organization is not system:nodes';
  if (dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (uris.length > 0) return 'URI subjectAltNames are not allowed';
  return nodeNameProblem(asked) ?? usagesProblem(usages, 'client auth');
}

function kubeletServingProblem(asked: CertificateRequest, usages: readonly string[]): string | undefined {
  const { dnsNames, emailAddresses, ipAddresses, uris } = asked.subjectAltNames;
  if (!isOfNodes(asked)) return 'subject organization is not system:nodes';
  if (dnsNames.length === 0 && ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (uris.length > 0) return 'URI subjectAltNames are not allowed';
  return usagesProblem(usages, 'server auth') ?? nodeNameProblem(asked);
}

function isOfNodes({ subject: { organizations } }: CertificateRequest): boolean {
  return organizations.length === 1 && organizations[0] === NODES_GROUP;
}

function nodeNameProblem({ subject }: CertificateRequest): string | undefined {
  return subject.commonName.startsWith(NODE_PREFIX)
    ? undefined
    : `subject common name does not begin with ${NODE_PREFIX}`;
}

/** Key encipherment is for RSA keys alone, so it may be left out. */
function usagesProblem(usages: readonly string[], auth: string): string | undefined {
  const wanted = [auth, 'digital signature', 'key encipherment'].toSorted();
  const set = new Set([...usages, 'key encipherment']);
  const isSame = set.size === wanted.length && wanted.every(usage => set.has(usage));
  return isSame ? undefined : `usages did not match [${wanted.join(' ')}]`;
}

const HOUR_MS = 3_600_000;
const ENDED_MS = HOUR_MS;
const PENDING_MS = 24 * HOUR_MS;

/**
 * When a request is of no use any more, in ms since the epoch: an hour after it was denied, refused or answered, when its certificate has run out, a day after
 * nobody answered. `expires` is the end of its certificate where there is one. Undefined where no time says it.
 */
export function uselessFrom(request: CertificateSigningRequest, expires: number | undefined): number | undefined {
  const { conditions = [], certificate = '' } = request.status;
  if (conditions.length === 0) return since(request.metadata.creationTimestamp, PENDING_MS);
  const times = conditions.flatMap(({ type, lastUpdateTime }) => {
    if (type === 'Denied' || type === 'Failed') return [since(lastUpdateTime, ENDED_MS)];
    if (type !== 'Approved') return [];
    return certificate === '' ? [since(lastUpdateTime, PENDING_MS)] : [since(lastUpdateTime, ENDED_MS), expires];
  });
  const known = times.filter(time => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function since(time: string | undefined, ms: number): number | undefined {
  return time === undefined ? undefined : Date.parse(time) + ms;
}
