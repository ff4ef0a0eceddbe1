import { type ErrorCode, GantryError } from '../../base/errors.ts';
import type { Companions } from './revisioned-store.ts';

export type StorageFault =
  | 'not-found'
  | 'exists'
  | 'precondition'
  | 'companion'
  | 'invalid'
  | 'expired'
  | 'too-large-revision'
  | 'corrupt';

const CODES: Readonly<Record<StorageFault, ErrorCode>> = {
  'not-found': 'not-found',
  exists: 'already-exists',
  precondition: 'failed-precondition',
  companion: 'failed-precondition',
  invalid: 'invalid-argument',
  expired: 'out-of-range',
  'too-large-revision': 'deadline-exceeded',
  corrupt: 'data-loss',
};

/** A refusal of the storage. `message` is upstream's text, which ends up in the Status that a client gets. */
export class StorageError extends GantryError {
  readonly fault: StorageFault;
  /** For an expired list: a token that goes on with the newest state. */
  readonly continue: string | undefined;
  /** For `too-large-revision`: seconds after which to try again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    fault: StorageFault,
    message: string,
    options: { cause?: unknown; continue?: string; retryAfterSeconds?: number } = {},
  ) {
    super(CODES[fault], message, options);
    this.name = 'StorageError';
    this.fault = fault;
    this.continue = options.continue;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Nothing was written, since a companion was not at its expected revision. `found` is what stands at the keys of all of them. */
export class CompanionConflict extends StorageError {
  readonly found: Companions;

  constructor(key: string, found: Companions) {
    super('companion', `something that is written together with ${key} was changed at the same time; please try again`);
    this.name = 'CompanionConflict';
    this.found = found;
  }
}

/** The fault of a thrown value, undefined when it is no StorageError. */
export function storageFault(error: unknown): StorageFault | undefined {
  return error instanceof StorageError ? error.fault : undefined;
}

/** True where another write came first, of whatever sort: what was decided is to be decided again. */
export function isConflict(error: unknown): boolean {
  return ['exists', 'precondition', 'companion', 'not-found'].includes(storageFault(error) ?? '');
}

// Codes and texts of upstream's storage errors: they stand in the message of a Conflict.
const upstream = (text: string, code: number, key: string, more: string): string =>
  `StorageError: ${text}, Code: ${code}, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${more}`;

export const keyNotFound = (key: string): StorageError =>
  new StorageError('not-found', upstream('key not found', 1, key, '<nil>'));

export const keyExists = (key: string): StorageError =>
  new StorageError('exists', upstream('key exists', 2, key, '<nil>'));

export const preconditionFailed = (key: string, field: 'UID' | 'ResourceVersion', want: string, is: string) =>
  new StorageError(
    'precondition',
    upstream(
      'invalid object',
      4,
      key,
      `Precondition failed: ${field} in precondition: ${want}, ${field} in object meta: ${is}`,
    ),
  );

export const corruptObject = (why: string): StorageError =>
  new StorageError('corrupt', `the stored object is corrupt: ${why}`);

/** The message names the object and leaves out why, for a parser's words quote the content, which may be secret; that is the cause. */
export const unreadableObject = (key: string, cause: unknown): StorageError =>
  new StorageError('corrupt', `the stored object ${key} is corrupt: it cannot be decoded`, { cause });

export const tooLargeRevision = (wanted: number, current: number, retryAfterSeconds: number): StorageError =>
  new StorageError('too-large-revision', `Too large resource version: ${wanted}, current: ${current}`, {
    retryAfterSeconds,
  });

export const listExpired = (cause: unknown): StorageError =>
  new StorageError('expired', 'The resourceVersion for the provided list is too old.', { cause });

/** `token` goes on where the expired one would have, with the newest state. */
export const continueExpired = (token: string, cause: unknown): StorageError =>
  new StorageError(
    'expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue ' +
      'parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided ' +
      'token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was ' +
      'returned and now may show up in the list.',
    { cause, continue: token },
  );

export const watchExpired = (cause?: unknown): StorageError =>
  new StorageError('expired', 'The resourceVersion for the provided watch is too old.', { cause });

export const tooOldRevision = (wanted: number, oldest: number): StorageError =>
  new StorageError('expired', `too old resource version: ${wanted} (${oldest})`);
