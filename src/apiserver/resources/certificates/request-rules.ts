import { X509Certificate } from 'node:crypto';
import { goQuote } from '../../../api/go-quote.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import type { CertificateSigningRequest } from '../../../api/types/gen/certificates-v1.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { errorMessage } from '../../../base/errors.ts';
import { readCertificateRequest } from '../../../pki/certificate-request.ts';
import { pemBlocks } from '../../../pki/pem.ts';
import { validateSignerName } from './signer-name.ts';

type Request = CertificateSigningRequest;

const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
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
/** What is decided, and so is there or not: never with another status. */
const DECISIONS = ['Approved', 'Denied', 'Failed'];
const MIN_SECONDS = 600;
const CONDITIONS = 'status.conditions';

/** The rules of a whole request. What `old` breaks already is let through: it was stored by looser rules. */
export function validateRequest(request: Request, old?: Request): FieldError[] {
  const { spec } = request;
  const { signerName, usages = [], expirationSeconds } = spec;
  const before = old?.spec.usages ?? [];
  const errors: FieldError[] = [];
  const problem = requestProblem(spec.request);
  if (problem !== undefined) errors.push(invalid('spec.request', spec.request === '' ? null : spec.request, problem));
  if (usages.length === 0) errors.push(required('spec.usages'));
  if (before.every(usage => USAGES.includes(usage)))
    for (const [index, usage] of usages.entries())
      if (!USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${index}]`, usage, USAGES));
  if (!hasRepeated(before)) {
    const seen = new Set<string>();
    for (const [index, usage] of usages.entries()) {
      if (seen.has(usage)) errors.push(duplicate(`spec.usages[${index}]`, usage));
      seen.add(usage);
    }
  }
  const at = 'spec.signerName';
  if (signerName === LEGACY_SIGNER && old?.spec.signerName !== LEGACY_SIGNER)
    errors.push(invalid(at, signerName, 'the legacy signerName is not allowed via this API version'));
  else errors.push(...validateSignerName(signerName, at));
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS)
    errors.push(
      invalid(
        'spec.expirationSeconds',
        expirationSeconds,
        `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
      ),
    );
  return [...errors, ...conditionErrors(request, old), ...certificateErrors(request, old)];
}

/** What a way of writing may do to a request that is there. */
export interface RequestRights {
  /** Add and change the conditions Approved and Denied. */
  readonly mayDecide: boolean;
  /** Set the certificate, once. */
  readonly mayIssue: boolean;
}

/** The rules of a change: nothing that was decided is taken back. */
export function validateRequestChange(request: Request, old: Request, rights: RequestRights): FieldError[] {
  const errors = validateRequest(request, old);
  const of = (source: Request, type: string) =>
    (source.status.conditions ?? []).filter(condition => condition.type === type);
  const wrong = (what: string, type: string): void => {
    errors.push(forbidden(CONDITIONS, `updates may not ${what} a condition of type ${goQuote(type)}`));
  };
  for (const type of DECISIONS) if (of(request, type).length < of(old, type).length) wrong('remove', type);
  if (!rights.mayDecide)
    for (const type of ['Approved', 'Denied']) {
      const [now, had] = [of(request, type), of(old, type)];
      if (now.length > had.length) wrong('add', type);
      else if (now.length === had.length && !equalValues(now, had)) wrong('modify', type);
    }
  const issued = old.status.certificate ?? '';
  if ((request.status.certificate ?? '') !== issued) {
    const at = 'status.certificate';
    if (!rights.mayIssue) errors.push(forbidden(at, 'updates may not set certificate content'));
    else if (issued !== '') errors.push(forbidden(at, 'updates may not modify existing certificate content'));
  }
  return errors;
}

/** What is wrong with the request in base64; upstream's words but for what is malformed inside the block. */
function requestProblem(base64: string): string | undefined {
  const pem = textOf(base64);
  if (pemBlocks(pem)[0]?.label !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  try {
    readCertificateRequest(pem);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

function conditionErrors(request: Request, old: Request | undefined): FieldError[] {
  const conditions = request.status.conditions ?? [];
  const before = (old?.status.conditions ?? []).map(condition => condition.type);
  const decidedTwice = before.includes('Approved') && before.includes('Denied');
  const types = new Set<string>();
  return conditions.flatMap(({ type, status }, index) => {
    const at = `${CONDITIONS}[${index}]`;
    const errors: FieldError[] = [];
    if (type === '' && !before.includes('')) errors.push(required(`${at}.type`));
    const allowed = DECISIONS.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (status === '') errors.push(required(`${at}.status`));
    else if (!allowed.includes(status)) errors.push(notSupported(`${at}.status`, status, allowed));
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (!decidedTwice && opposite !== undefined && types.has(opposite))
      errors.push(invalid(CONDITIONS, type, 'Approved and Denied conditions are mutually exclusive'));
    if (types.has(type) && !hasRepeated(before)) errors.push(duplicate(`${at}.type`, type));
    types.add(type);
    return errors;
  });
}

function certificateErrors({ status }: Request, old: Request | undefined): FieldError[] {
  const { certificate = '' } = status;
  const before = old?.status.certificate ?? '';
  const tolerated = old !== undefined && (certificate === before || certificateProblem(before) !== undefined);
  const problem = tolerated ? undefined : certificateProblem(certificate);
  return problem === undefined ? [] : [invalid('status.certificate', '<certificate data>', problem)];
}

function certificateProblem(base64: string): string | undefined {
  if (base64 === '') return undefined;
  const blocks = pemBlocks(textOf(base64));
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block';
  for (const { label, hasHeaders, content } of blocks) {
    if (label !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${goQuote(label)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (content.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates';
    try {
      new X509Certificate(content);
    } catch {
      return 'x509: malformed certificate';
    }
  }
  return undefined;
}

function textOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}

function hasRepeated(list: readonly string[]): boolean {
  return new Set(list).size < list.length;
}
