import { ApiError, internalApiError, serverTimeoutError, timeoutError } from '../../api/status.ts';
import type { Status } from '../../api/types/gen/meta-v1.ts';
import { errorMessage, GantryError } from '../../base/errors.ts';
import type { RequestInfo } from '../request-info.ts';

/** What a request says that did not end in time, as upstream words it. */
export const NOT_IN_TIME = 'request did not complete within the allotted timeout';

/** What a request is told whose client has left, as upstream words it. */
const LEFT = 'request did not complete within requested timeout - context canceled';

/** When to try again where the store cannot be reached, in seconds (upstream's figure for lists and gets). */
const STORE_RETRY_SECONDS = 2;

/**
 * The one place where errors become Statuses. An ApiError is one already. Of the rest only those have a Status of their own that mean something to
 * a client: the store is away, time is up. Undefined for what is no error of this program: a defect, which the caller logs.
 */
export function statusOfError(error: unknown, info: RequestInfo): Status | undefined {
  if (error instanceof ApiError) return error.toStatus();
  if (!(error instanceof GantryError)) return undefined;
  switch (error.code) {
    case 'deadline-exceeded':
      return timeoutError(NOT_IN_TIME).toStatus();
    case 'unavailable':
      return serverTimeoutError(
        { group: info.apiGroup, resource: info.resource },
        info.verb,
        STORE_RETRY_SECONDS,
      ).toStatus();
    case 'cancelled':
      // Nobody reads it; it is what the metrics count.
      return timeoutError(LEFT).toStatus();
    default:
      return internalApiError(errorMessage(error)).toStatus();
  }
}
