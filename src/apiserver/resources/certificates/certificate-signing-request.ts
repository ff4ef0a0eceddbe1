import { humanDuration } from '../../../api/human-duration.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../../api/types/gen/certificates-v1.ts';
import { AGE, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateRequest, validateRequestChange } from './request-rules.ts';

type Request = CertificateSigningRequest;

export const certificateSigningRequestStrategy = defineStrategy<Request>(
  { group: 'certificates.k8s.io', version: 'v1', plural: 'certificatesigningrequests' },
  {
    names: () => [],
    // Who asks is not the asker's to say.
    prepareForCreate: (request, { user }) => ({
      ...request,
      spec: {
        ...request.spec,
        username: user.name,
        uid: user.uid === '' ? undefined : user.uid,
        groups: [...user.groups],
        extra: user.extra.size === 0 ? undefined : Object.fromEntries(user.extra),
      },
    }),
    prepareForUpdate: (request, old) => ({ ...request, spec: old.spec }),
    validate: request => validateRequest(request),
    validateUpdate: (request, old) => validateRequestChange(request, old, { mayDecide: false, mayIssue: false }),
    prepareStatus: (request, old, { now }) => withTimes(withDecision(request, old), old, now),
    validateStatus: (request, old) => validateRequestChange(request, old, { mayDecide: false, mayIssue: true }),
    fieldResets: ['spec', 'status'],
    statusFieldResets: ['spec', 'status.conditions'],
    columns: {
      definitions: [
        NAME,
        AGE,
        ...columns({
          SignerName: 'Who is to sign the certificate.',
          Requestor: 'The user who asks for it.',
          RequestedDuration: 'For how long it is to be good; the signer may choose another time.',
          Condition: 'Whether the request was approved, denied or has failed, and whether the certificate is there.',
        }),
      ],
      cells: (request, now) => {
        const { signerName, username = '', expirationSeconds } = request.spec;
        return [
          request.metadata.name ?? '',
          ageCell(request, now),
          signerName === '' ? '<none>' : signerName,
          username,
          expirationSeconds === undefined ? '<none>' : humanDuration(expirationSeconds * 1000),
          conditionCell(request),
        ];
      },
    },
    fields: request => ({ 'spec.signerName': request.spec.signerName }),
    subresources: {
      approval: {
        prepareForUpdate: (request, old, { now }) => {
          const { conditions } = request.status;
          return withTimes({ ...request, spec: old.spec, status: { ...old.status, conditions } }, old, now);
        },
        validateUpdate: (request, old) => validateRequestChange(request, old, { mayDecide: true, mayIssue: false }),
        fieldResets: ['spec', 'status.certificate'],
      },
    },
  },
);

/** With the conditions Approved and Denied as they were: who writes the status need not repeat them to the letter. */
function withDecision(request: Request, old: Request): Request {
  const { conditions } = request.status;
  if (conditions === undefined) return request;
  const ofType = (all: readonly CertificateSigningRequestCondition[] | undefined, type: string) =>
    (all ?? []).filter(condition => condition.type === type);
  const decisions = ['Approved', 'Denied'].map(type => {
    const before = ofType(old.status.conditions, type);
    // One more or less is a change, which the rules refuse.
    const isKept = ofType(conditions, type).length === before.length;
    return [type, isKept ? before.values() : [].values()] as const;
  });
  const stored = new Map(decisions);
  const kept = conditions.map(condition => stored.get(condition.type)?.next().value ?? condition);
  return { ...request, status: { ...request.status, conditions: kept } };
}

/** When a condition was written, and since when it has its status, where the writer does not say. */
function withTimes(request: Request, old: Request, now: string): Request {
  const keyOf = ({ type, status }: CertificateSigningRequestCondition): string => JSON.stringify([type, status]);
  const since = new Map<string, string>();
  for (const condition of old.status.conditions ?? []) {
    const { lastTransitionTime } = condition;
    // of several the first counts
    if (lastTransitionTime !== undefined && !since.has(keyOf(condition)))
      since.set(keyOf(condition), lastTransitionTime);
  }
  const conditions = request.status.conditions?.map(
    (condition): CertificateSigningRequestCondition => ({
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? since.get(keyOf(condition)) ?? now,
    }),
  );
  return { ...request, status: { ...request.status, conditions } };
}

function conditionCell({ status }: Request): string {
  const has = (type: string): boolean => status.conditions?.some(condition => condition.type === type) === true;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return [
    decision,
    ...(has('Failed') ? ['Failed'] : []),
    ...((status.certificate ?? '') === '' ? [] : ['Issued']),
  ].join();
}
