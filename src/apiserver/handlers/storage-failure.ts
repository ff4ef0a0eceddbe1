import {
  ApiError,
  alreadyExistsError,
  badRequestError,
  conflictError,
  expiredError,
  type GroupResource,
  internalApiError,
  notFoundError,
  requestTooLargeError,
  timeoutError,
  unexplainedError,
} from '../../api/status.ts';
import { type ErrorCode, errorMessage, GantryError } from '../../base/errors.ts';
import { EtcdError } from '../../etcd/errors.ts';
import { StorageError } from '../storage/errors.ts';

/** Runs a handler and gives what the storage, the decoders and the patches refuse the Status that upstream gives it. */
export async function withApiErrors<T>(resource: GroupResource, name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw asApiError(error, resource, name);
  }
}

/** What is no refusal of theirs stays as it is. */
export function asApiError(error: unknown, resource: GroupResource, name: string): unknown {
  if (error instanceof ApiError) return error;
  if (error instanceof StorageError) return storageFailure(error, resource, name);
  if (error instanceof EtcdError) return etcdFailure(error);
  if (!(error instanceof GantryError)) return error;
  const message = errorMessage(error);
  switch (error.code) {
    case 'invalid-argument':
      return badRequestError(message);
    case 'failed-precondition':
      // Upstream has no cause here: a client is not told which operation of its patch did not fit. It may know.
      return new ApiError('Invalid', 'the server rejected our request due to an error in our request', {
        details: { causes: [{ reason: 'UnexpectedServerResponse', message }] },
        cause: error,
      });
    case 'resource-exhausted':
      return requestTooLargeError(message);
    default:
      return error;
  }
}

/** Where etcd is away or slow the pipeline knows what to say. What it refuses (a request that is too large, no space left) upstream hands on in its words. */
function etcdFailure(error: EtcdError): EtcdError | ApiError {
  const isAway = AWAY.has(error.code);
  return isAway || error.said === '' ? error : unexplainedError(error.said, error);
}

const AWAY: ReadonlySet<ErrorCode> = new Set(['unavailable', 'deadline-exceeded', 'cancelled']);

function storageFailure(error: StorageError, resource: GroupResource, name: string): ApiError {
  switch (error.fault) {
    case 'not-found':
      return notFoundError(resource, name);
    case 'exists':
      return alreadyExistsError(resource, name);
    case 'precondition':
    case 'companion':
      return conflictError(resource, name, error.message);
    case 'invalid':
      return badRequestError(error.message);
    case 'expired':
      return expiredError(error.message, error.continue);
    case 'too-large-revision':
      return timeoutError(error.message, error.retryAfterSeconds ?? 1, [
        { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' },
      ]);
    case 'corrupt':
      return internalApiError(error.message, error);
  }
}
