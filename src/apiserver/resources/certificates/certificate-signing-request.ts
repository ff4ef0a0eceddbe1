import { goQuote } from '../../../api/go-quote.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../../api/types/gen/certificates-v1.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { AGE, column, humanDuration, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

type Request = CertificateSigningRequest;

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

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
    validate: validateRequest,
    validateUpdate: () => [],
    prepareStatus: (request, old, { now }) => withTimes(withDecision(request, old), old, now),
    validateStatus: (request, old) => conditionErrors(request, old, ['Failed'], true),
    columns: {
      definitions: [
        NAME,
        AGE,
        column('SignerName'),
        column('Requestor'),
        column('RequestedDuration'),
        column('Condition'),
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
        validateUpdate: (request, old) => conditionErrors(request, old, ['Approved', 'Denied'], false),
        fieldResets: ['spec', 'status.certificate'],
      },
    },
  },
);

function validateRequest({ spec }: Request): FieldError[] {
  const { request, signerName, usages = [], expirationSeconds } = spec;
  const errors: FieldError[] = [];
  // The PEM block alone: whether the request inside can be read is the signer's first question, and src/pki's.
  const pem = Buffer.from(request, 'base64').toString('latin1');
  if (!/-----BEGIN CERTIFICATE REQUEST-----[\s\S]+-----END CERTIFICATE REQUEST-----/.test(pem))
    errors.push(invalid('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'));
  if (usages.length === 0) errors.push(required('spec.usages'));
  for (const [index, usage] of usages.entries()) {
    if (!USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${index}]`, usage, USAGES));
    if (usages.indexOf(usage) < index) errors.push(duplicate(`spec.usages[${index}]`, usage));
  }
  if (signerName === 'kubernetes.io/legacy-unknown')
    errors.push(invalid('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'));
  else errors.push(...signerNameErrors(signerName));
  if (expirationSeconds !== undefined && expirationSeconds < 600)
    errors.push(
      invalid(
        'spec.expirationSeconds',
        expirationSeconds,
        'may not specify a duration less than 600 seconds (10 minutes)',
      ),
    );
  return errors;
}

function signerNameErrors(name: string): FieldError[] {
  const at = 'spec.signerName';
  if (name === '') return [required(at)];
  const parts = name.split('/');
  const [domain = '', path = ''] = parts;
  if (parts.length !== 2)
    return [invalid(at, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"')];
  const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;
  const errors: FieldError[] = [];
  if (!label.test(domain))
    errors.push(invalid(at, name, 'should be a domain with at least two segments separated by dots'));
  if (!/^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?)*$/.test(path))
    errors.push(invalid(at, name, 'validating path segment failed'));
  return errors;
}

/** Conditions of the types `mayChange` come by this way; the others stay as they are. Nothing is ever taken back. */
function conditionErrors(request: Request, old: Request, mayAdd: readonly string[], mayIssue: boolean): FieldError[] {
  const conditions = request.status.conditions ?? [];
  const before = old.status.conditions ?? [];
  const at = 'status.conditions';
  const errors: FieldError[] = [];
  for (const [index, condition] of conditions.entries()) {
    if (condition.type === '') errors.push(required(`${at}[${index}].type`));
    if (['Approved', 'Denied', 'Failed'].includes(condition.type) && condition.status !== 'True')
      errors.push(notSupported(`${at}[${index}].status`, condition.status, ['True']));
    if (conditions.findIndex(other => other.type === condition.type) < index)
      errors.push(duplicate(`${at}[${index}].type`, condition.type));
  }
  const has = (type: string): boolean => conditions.some(condition => condition.type === type);
  if (has('Approved') && has('Denied'))
    errors.push(invalid(at, 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  for (const type of ['Approved', 'Denied', 'Failed']) {
    const now = conditions.filter(condition => condition.type === type);
    const had = before.filter(condition => condition.type === type);
    const text = goQuote(type);
    if (now.length < had.length) errors.push(forbidden(at, `updates may not remove a condition of type ${text}`));
    else if (mayAdd.includes(type)) continue;
    else if (now.length > had.length) errors.push(forbidden(at, `updates may not add a condition of type ${text}`));
    else if (!equalValues(now, had)) errors.push(forbidden(at, `updates may not modify a condition of type ${text}`));
  }
  const certificate = request.status.certificate ?? '';
  const issued = old.status.certificate ?? '';
  if (certificate !== issued) {
    if (!mayIssue) errors.push(forbidden('status.certificate', 'updates may not set certificate content'));
    else if (issued !== '')
      errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
    else if (!Buffer.from(certificate, 'base64').toString('latin1').includes('-----BEGIN CERTIFICATE-----'))
      errors.push(
        invalid('status.certificate', '<certificate data>', 'must contain at least one CERTIFICATE PEM block'),
      );
  }
  return errors;
}

/** With the conditions Approved and Denied as they were: who writes the status need not repeat them to the letter. */
function withDecision(request: Request, old: Request): Request {
  const { conditions } = request.status;
  if (conditions === undefined) return request;
  const before = old.status.conditions ?? [];
  const kept = conditions.map(condition => {
    const decided = ['Approved', 'Denied'].includes(condition.type);
    return (decided ? before.find(({ type }) => type === condition.type) : undefined) ?? condition;
  });
  return { ...request, status: { ...request.status, conditions: kept } };
}

function withTimes(request: Request, old: Request, now: string): Request {
  const conditions = request.status.conditions?.map((condition): CertificateSigningRequestCondition => {
    const before = old.status.conditions?.find(other => other.type === condition.type);
    if (equalValues(before, condition)) return condition;
    const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? since ?? now,
    };
  });
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
