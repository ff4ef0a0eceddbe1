import { ApiError, isStatusReason } from '../api/status.ts';
import type { Status } from '../api/types/gen/meta-v1.ts';
import type { ApiAnswer } from './connection.ts';

/**
 * The error that an answer is, undefined for a success. A Status keeps its reason, details and text; what is no Status (a proxy's page, say) gets the
 * reason that its code stands for.
 */
export function answerError(call: string, { status, body }: Pick<ApiAnswer, 'status' | 'body'>): ApiError | undefined {
  if (status < 400) return undefined;
  const told = statusOf(body);
  if (told !== undefined) return statusError(told);
  const text = body.toString('utf8', 0, 200).replace(/\s+/g, ' ').trim();
  return new ApiError(reasonOf(status), `${call} was answered with ${status}${text === '' ? '' : `: ${text}`}`);
}

/** A Status as an error: also what a watch tells as its last event. */
export function statusError(status: Status): ApiError {
  const { reason = '', message = '', details, code = 500, metadata } = status;
  return new ApiError(
    isStatusReason(reason) ? reason : reasonOf(code),
    message === '' ? `answered with ${code}` : message,
    {
      ...(details === undefined ? {} : { details }),
      ...(metadata?.continue === undefined ? {} : { continueToken: metadata.continue }),
    },
  );
}

/** True for a refusal with this reason: where the meaning alone does not tell (`Expired` and a bad range are both out of range). */
export function isStatusReasonError(error: unknown, reason: ApiError['statusReason']): boolean {
  return error instanceof ApiError && error.statusReason === reason;
}

function statusOf(body: Buffer): Status | undefined {
  if (body[0] !== 0x7b) return undefined;
  try {
    const parsed = JSON.parse(body.toString()) as Status;
    return parsed.kind === 'Status' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The reason of a code, as apimachinery guesses it for answers that are no Status. */
function reasonOf(code: number): ApiError['statusReason'] {
  switch (code) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 405:
      return 'MethodNotAllowed';
    case 406:
      return 'NotAcceptable';
    case 409:
      return 'Conflict';
    case 410:
      return 'Gone';
    case 413:
      return 'RequestEntityTooLarge';
    case 415:
      return 'UnsupportedMediaType';
    case 422:
      return 'Invalid';
    case 429:
      return 'TooManyRequests';
    case 503:
      return 'ServiceUnavailable';
    case 504:
      return 'Timeout';
    default:
      return code >= 500 ? 'InternalError' : 'BadRequest';
  }
}
