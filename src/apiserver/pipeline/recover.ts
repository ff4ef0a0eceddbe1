import type { Logger } from '../../daemon/logger.ts';
import { type ApiResponse, textResponse } from '../http.ts';
import { nonResourceInfo, type RequestInfo, RequestInfoError, requestInfo } from '../request-info.ts';
import { statusOfError } from '../status/status-of-error.ts';
import { type ObjectWriter, statusResponse } from '../status/status-response.ts';
import type { Filter, RequestContext } from './context.ts';

/** Turns whatever is thrown further in into an answer, here and nowhere else. What is a defect is logged and told to nobody. */
export function recoverFilter(log: Logger, writers: readonly ObjectWriter[]): Filter {
  return {
    name: 'recover',
    async handle(context, next) {
      try {
        return await next(context);
      } catch (error) {
        return answerFor(error, context, log, writers);
      }
    },
  };
}

function answerFor(
  error: unknown,
  { request, auditId }: RequestContext,
  log: Logger,
  writers: readonly ObjectWriter[],
): ApiResponse {
  if (error instanceof RequestInfoError)
    return textResponse(
      500,
      `Internal Server Error: ${JSON.stringify(request.url)}: failed to create RequestInfo: ${error.message}`,
    );
  const status = statusOfError(error, infoOf(request.method, request.path, request.query));
  if (status !== undefined) return statusResponse(status, request, writers);
  log.error({ err: error, method: request.method, path: request.path, auditId }, 'a request failed by a defect');
  return textResponse(500, 'This request caused apiserver to panic. Look in the logs for details.');
}

function infoOf(method: string, path: string, query: URLSearchParams): RequestInfo {
  try {
    return requestInfo(method, path, query);
  } catch {
    return nonResourceInfo(method, path);
  }
}
