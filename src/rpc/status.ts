import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { type ErrorCode, errorCode, errorMessage, GantryError } from '../base/errors.ts';

/** The one table between meanings and gRPC codes (github.com/grpc/grpc, doc/statuscodes.md). */
const CODES: Readonly<Record<ErrorCode, GrpcStatus>> = {
  cancelled: GrpcStatus.CANCELLED,
  unknown: GrpcStatus.UNKNOWN,
  'invalid-argument': GrpcStatus.INVALID_ARGUMENT,
  'deadline-exceeded': GrpcStatus.DEADLINE_EXCEEDED,
  'not-found': GrpcStatus.NOT_FOUND,
  'already-exists': GrpcStatus.ALREADY_EXISTS,
  'permission-denied': GrpcStatus.PERMISSION_DENIED,
  'resource-exhausted': GrpcStatus.RESOURCE_EXHAUSTED,
  'failed-precondition': GrpcStatus.FAILED_PRECONDITION,
  aborted: GrpcStatus.ABORTED,
  'out-of-range': GrpcStatus.OUT_OF_RANGE,
  unimplemented: GrpcStatus.UNIMPLEMENTED,
  internal: GrpcStatus.INTERNAL,
  unavailable: GrpcStatus.UNAVAILABLE,
  'data-loss': GrpcStatus.DATA_LOSS,
  unauthenticated: GrpcStatus.UNAUTHENTICATED,
};
const MEANINGS = new Map(Object.entries(CODES).map(([meaning, code]) => [code, meaning as ErrorCode]));

/** The details travel in a header, percent-encoded to up to nine times their length; peers limit the size of all headers together. */
const MAX_DETAILS = 4096;

export interface RpcStatus {
  readonly code: GrpcStatus;
  readonly details: string;
}

/** What a caller is told about a thrown value. One that carries no meaning is INTERNAL, with its message. */
export function toRpcStatus(error: unknown): RpcStatus {
  const meaning = errorCode(error);
  const code = meaning === 'unknown' && !(error instanceof GantryError) ? GrpcStatus.INTERNAL : CODES[meaning];
  const text = errorMessage(error);
  const cut = text.length > MAX_DETAILS ? `${text.slice(0, MAX_DETAILS - 1)}…` : text;
  // Half a surrogate pair cannot be percent-encoded; by way of UTF-8 it becomes the replacement character.
  return { code, details: Buffer.from(cut, 'utf8').toString('utf8') };
}

/** The error a caller here gets for a failed call. The message is the peer's own; `method` and `endpoint` are named where the peer said nothing. */
export function fromServiceError(error: ServiceError, method: string, endpoint: string): GantryError {
  const meaning = MEANINGS.get(error.code) ?? 'unknown';
  return new GantryError(meaning, describe(meaning, error, method, endpoint), { cause: error });
}

function describe(meaning: ErrorCode, error: ServiceError, method: string, endpoint: string): string {
  if (meaning === 'unavailable' && !cameFromPeer(error))
    return `${method}: no answer from ${endpoint}: ${error.details}`;
  if (meaning === 'deadline-exceeded' || error.details === '') return `${method} at ${endpoint}: ${error.message}`;
  return error.details;
}

/** An answer carries headers; what this side says of a connection that failed does not. */
function cameFromPeer(error: ServiceError): boolean {
  return Object.keys(error.metadata?.getMap() ?? {}).length > 0;
}

/** The name of a code as logs and metrics spell it: `OK`, `NOT_FOUND`, … */
export function statusName(code: GrpcStatus): string {
  return GrpcStatus[code] ?? String(code);
}
