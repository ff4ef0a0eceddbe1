/**
 * Errors by meaning. Inside the program code asks `isNotFound(err)`; each edge converts once: gRPC status, HTTP Status, errno, stderr text.
 */

/** The meanings, named after the gRPC status codes so that the mapping at that edge is one to one. */
export type ErrorCode =
  | 'cancelled'
  | 'invalid-argument'
  | 'deadline-exceeded'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'aborted'
  | 'out-of-range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data-loss'
  | 'unauthenticated'
  | 'unknown';

/** An error with a meaning. `message` is one line for people: what is wrong and, where there is one, what to do. */
export class GantryError extends Error {
  readonly code: ErrorCode;
  /** A machine-readable reason in upstream's spelling (ErrImagePull, CreateContainerError, …) where one exists. */
  readonly reason: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; reason?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GantryError';
    this.code = code;
    this.reason = options.reason;
  }
}

/** The meaning of any thrown value. AbortErrors are `cancelled`; what carries no meaning of its own is `unknown`. */
export function errorCode(error: unknown): ErrorCode {
  if (error instanceof GantryError) return error.code;
  if (isAbortError(error)) return 'cancelled';
  return 'unknown';
}

/** One line for people, whatever was thrown. */
export function errorMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return oneLine(text);
}

/** A text of several lines as one, without the blanks around each. Linear in its length, which is a client's to choose. */
export function oneLine(text: string): string {
  if (!text.includes('\n')) return text.trim();
  const lines = text.split('\n').map(line => line.trim());
  return lines.filter(line => line !== '').join(' ');
}

/** True for what an AbortSignal throws (`AbortError`, `TimeoutError` excepted: that is a deadline, not a wish). */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: unknown }).code === 'ABORT_ERR');
}

export function isNotFound(error: unknown): boolean {
  return errorCode(error) === 'not-found' || (error as { code?: unknown } | undefined)?.code === 'ENOENT';
}

export function isAlreadyExists(error: unknown): boolean {
  return errorCode(error) === 'already-exists';
}

export function isUnimplemented(error: unknown): boolean {
  return errorCode(error) === 'unimplemented';
}

/** The errno name (`ENOENT`, …) of a Node or syscall error, undefined for anything else. */
export function errnoName(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

export const notFound = (message: string, options?: { cause?: unknown; reason?: string }): GantryError =>
  new GantryError('not-found', message, options);
export const invalidArgument = (message: string, options?: { cause?: unknown; reason?: string }): GantryError =>
  new GantryError('invalid-argument', message, options);
export const failedPrecondition = (message: string, options?: { cause?: unknown; reason?: string }): GantryError =>
  new GantryError('failed-precondition', message, options);
export const internalError = (message: string, options?: { cause?: unknown; reason?: string }): GantryError =>
  new GantryError('internal', message, options);
export const unavailable = (message: string, options?: { cause?: unknown; reason?: string }): GantryError =>
  new GantryError('unavailable', message, options);
