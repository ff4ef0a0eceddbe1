import { type ErrorCode, GantryError } from '../base/errors.ts';
import { aggregateMessage, goQuote } from './go-quote.ts';
import type { Status, StatusCause, StatusDetails } from './types/gen/meta-v1.ts';
import { type FieldError, fieldErrorBody, fieldErrorText } from './validation/field-error.ts';

/** The reasons of a Status that this program gives, each with its HTTP code and its meaning inside the program. */
const REASONS = {
  BadRequest: [400, 'invalid-argument'],
  Unauthorized: [401, 'unauthenticated'],
  Forbidden: [403, 'permission-denied'],
  NotFound: [404, 'not-found'],
  MethodNotAllowed: [405, 'unimplemented'],
  NotAcceptable: [406, 'invalid-argument'],
  AlreadyExists: [409, 'already-exists'],
  Conflict: [409, 'aborted'],
  Gone: [410, 'out-of-range'],
  Expired: [410, 'out-of-range'],
  RequestEntityTooLarge: [413, 'invalid-argument'],
  UnsupportedMediaType: [415, 'invalid-argument'],
  Invalid: [422, 'invalid-argument'],
  TooManyRequests: [429, 'resource-exhausted'],
  InternalError: [500, 'internal'],
  // what upstream has no reason for
  '': [500, 'internal'],
  ServerTimeout: [500, 'unavailable'],
  ServiceUnavailable: [503, 'unavailable'],
  Timeout: [504, 'deadline-exceeded'],
} as const satisfies Readonly<Record<string, readonly [number, ErrorCode]>>;

export type StatusReason = keyof typeof REASONS;

/** True for a reason that this program knows. */
export function isStatusReason(text: string): text is StatusReason {
  return Object.hasOwn(REASONS, text);
}

/** A resource without its version: `{group: 'apps', resource: 'deployments'}`; the core group is empty. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

export interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

/**
 * An error that is a Status already. Whoever knows the resource and the name throws one of the functions below; inside the
 * program it is asked by meaning (`isNotFound(error)`) like every other error.
 */
export class ApiError extends GantryError {
  readonly statusReason: StatusReason;
  readonly httpCode: number;
  readonly details: StatusDetails | undefined;
  /** The continuation token of an expired list, which goes into the Status' own metadata. */
  readonly continueToken: string | undefined;

  constructor(
    reason: StatusReason,
    message: string,
    options: { readonly details?: StatusDetails; readonly continueToken?: string; readonly cause?: unknown } = {},
  ) {
    const [httpCode, code] = REASONS[reason];
    super(code, message, { reason, ...(options.cause === undefined ? {} : { cause: options.cause }) });
    this.name = 'ApiError';
    this.statusReason = reason;
    this.httpCode = httpCode;
    this.details = options.details;
    this.continueToken = options.continueToken;
  }

  /** The Status as the API answers it, fields in upstream's order. */
  toStatus(): Status {
    return failureStatus(this.httpCode, this.statusReason, this.message, this.details, this.continueToken);
  }

  /** True when one of the causes is of this type (`ResourceVersionTooLarge`, `NamespaceTerminating`, …). */
  hasCause(type: string): boolean {
    return this.details?.causes?.some(cause => cause.reason === type) ?? false;
  }
}

/** A Status of a failure. `reason` is empty where upstream gives none. */
export function failureStatus(
  code: number,
  reason: string,
  message: string,
  details?: StatusDetails,
  continueToken?: string,
): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: continueToken === undefined ? {} : { continue: continueToken },
    status: 'Failure',
    message,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
}

/** What a DELETE answers once the object is gone. */
export function successStatus(details: StatusDetails): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

/** `deployments.apps`, or `pods` in the core group. */
export function groupResourceText(resource: GroupResource): string {
  return resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
}

function groupKindText(kind: GroupKind): string {
  return kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
}

/** Leaves out what Go leaves out: empty strings, empty lists and zero. */
function detailsOf(resource: GroupResource | undefined, name = '', more: StatusDetails = {}): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource === undefined || resource.group === '' ? {} : { group: resource.group }),
    ...(resource === undefined || resource.resource === '' ? {} : { kind: resource.resource }),
    ...(more.uid === undefined ? {} : { uid: more.uid }),
    ...(more.causes === undefined || more.causes.length === 0 ? {} : { causes: more.causes }),
    ...(more.retryAfterSeconds === undefined || more.retryAfterSeconds === 0
      ? {}
      : { retryAfterSeconds: more.retryAfterSeconds }),
  };
}

export function notFoundError(resource: GroupResource, name: string): ApiError {
  return new ApiError('NotFound', `${groupResourceText(resource)} ${goQuote(name)} not found`, {
    details: detailsOf(resource, name),
  });
}

/** For a path that names no resource of this server. */
export function unknownResourceError(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });
}

export function alreadyExistsError(resource: GroupResource, name: string): ApiError {
  return new ApiError('AlreadyExists', `${groupResourceText(resource)} ${goQuote(name)} already exists`, {
    details: detailsOf(resource, name),
  });
}

/** All tries of generateName met an object that exists. */
export function generateNameConflictError(resource: GroupResource, name: string, retryAfterSeconds: number): ApiError {
  return new ApiError(
    'AlreadyExists',
    `${groupResourceText(resource)} ${goQuote(name)} already exists, the server was not able to generate a unique name for the object`,
    { details: detailsOf(resource, name, { retryAfterSeconds }) },
  );
}

export function unauthorizedError(message = 'Unauthorized'): ApiError {
  return new ApiError('Unauthorized', message);
}

/** `because` is what follows "is forbidden: ". An empty resource is a path that is no resource. */
export function forbiddenError(
  resource: GroupResource,
  name: string,
  because: string,
  causes: readonly StatusCause[] = [],
): ApiError {
  const details = detailsOf(resource, name, { causes });
  if (resource.group === '' && resource.resource === '')
    return new ApiError('Forbidden', `forbidden: ${because}`, { details });
  const what = name === '' ? groupResourceText(resource) : `${groupResourceText(resource)} ${goQuote(name)}`;
  return new ApiError('Forbidden', `${what} is forbidden: ${because}`, { details });
}

/** What an update says whose resourceVersion is not the stored one. */
export const MODIFIED_SINCE =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflictError(resource: GroupResource, name: string, because: string = MODIFIED_SINCE): ApiError {
  return new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${groupResourceText(resource)} ${goQuote(name)}: ${because}`,
    { details: detailsOf(resource, name) },
  );
}

/** 410: the revision asked for is compacted. `continueToken` lets a list go on, inconsistently, from where it was. */
export function expiredError(message: string, continueToken?: string): ApiError {
  return new ApiError('Expired', message, continueToken === undefined ? {} : { continueToken });
}

export function goneError(message: string): ApiError {
  return new ApiError('Gone', message);
}

/** Text of the errors of one answer. Each may show a whole list: what is wrong with each of its elements would take the square of its length. */
const MAX_TOLD = 1024 * 1024;

/** The first error, and as many more as there is room for. */
function tellable(errors: readonly FieldError[]): readonly FieldError[] {
  let length = 0;
  const end = errors.findIndex(error => {
    const isFull = length > MAX_TOLD;
    length += isFull ? 0 : fieldErrorText(error).length;
    return isFull;
  });
  return end < 0 ? errors : errors.slice(0, end);
}

/** 422 with a cause for every rule that is broken, up to a megabyte of them. */
export function invalidError(kind: GroupKind, name: string, broken: readonly FieldError[]): ApiError {
  const errors = tellable(broken);
  const subject = `${groupKindText(kind)} ${goQuote(name)} is invalid`;
  const message = errors.length === 0 ? subject : `${subject}: ${aggregateMessage(errors.map(fieldErrorText))}`;
  return new ApiError('Invalid', message, {
    details: detailsOf({ group: kind.group, resource: kind.kind }, name, {
      causes: errors.map(error => ({ reason: error.type, message: fieldErrorBody(error), field: error.field })),
    }),
  });
}

export function badRequestError(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

export function tooManyRequestsError(
  message: string,
  retryAfterSeconds: number,
  causes: readonly StatusCause[] = [],
): ApiError {
  return new ApiError('TooManyRequests', message, { details: detailsOf(undefined, '', { retryAfterSeconds, causes }) });
}

export function serviceUnavailableError(message: string): ApiError {
  return new ApiError('ServiceUnavailable', message);
}

/** For what a path has for other resources, as the watch of those that are stored. */
export function methodNotSupportedError(resource: GroupResource, action: string): ApiError {
  return new ApiError(
    'MethodNotAllowed',
    `${action} is not supported on resources of kind ${goQuote(groupResourceText(resource))}`,
    { details: detailsOf(resource) },
  );
}

/** For a method that a path of this server does not have. */
export function methodNotAllowedError(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });
}

/** 500 with the advice to try again: the store could not be reached in time. */
export function serverTimeoutError(resource: GroupResource, operation: string, retryAfterSeconds: number): ApiError {
  return new ApiError(
    'ServerTimeout',
    `The ${operation} operation against ${groupResourceText(resource)} could not be completed at this time, please try again.`,
    { details: detailsOf(resource, operation, { retryAfterSeconds }) },
  );
}

export function timeoutError(
  message: string,
  retryAfterSeconds = 0,
  causes: readonly StatusCause[] = [],
  cause?: unknown,
): ApiError {
  return new ApiError('Timeout', `Timeout: ${message}`, {
    details: detailsOf(undefined, '', { retryAfterSeconds, causes }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** 504 for a resourceVersion that this server has not seen yet. */
export function tooLargeResourceVersionError(asked: string, current: string, retryAfterSeconds = 1): ApiError {
  return timeoutError(`Too large resource version: ${asked}, current: ${current}`, retryAfterSeconds, [
    { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' },
  ]);
}

export function requestTooLargeError(message: string): ApiError {
  return new ApiError('RequestEntityTooLarge', `Request entity too large: ${message}`);
}

export function internalApiError(message: string, cause?: unknown): ApiError {
  return new ApiError('InternalError', `Internal error occurred: ${message}`, {
    details: { causes: [{ message }] },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** 500 without a reason, and the message as it is: what upstream does not tell apart from a failure of its own. */
export function unexplainedError(message: string, cause?: unknown): ApiError {
  return new ApiError('', message, cause === undefined ? {} : { cause });
}

/** 406: nothing of Accept can be served. */
export function notAcceptableError(mediaTypes: readonly string[]): ApiError {
  return new ApiError('NotAcceptable', `only the following media types are accepted: ${mediaTypes.join(', ')}`);
}

/** 415 for a request body. */
export function unsupportedMediaTypeError(mediaTypes: readonly string[]): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${mediaTypes.join(', ')}`,
  );
}
