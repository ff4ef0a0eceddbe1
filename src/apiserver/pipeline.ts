import type { Clock } from '../base/clock.ts';
import type { Logger } from '../daemon/logger.ts';
import type { RequestAuthenticator } from './authn/authenticator.ts';
import type { Authorizer } from './authz/authorizer.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { authenticateFilter } from './pipeline/authenticate.ts';
import { authorizeFilter } from './pipeline/authorize.ts';
import { compose, type Handler, newContext } from './pipeline/context.ts';
import { deadlineFilter } from './pipeline/deadline.ts';
import { impersonateFilter } from './pipeline/impersonate.ts';
import { type InFlightLimits, inFlightFilter } from './pipeline/in-flight.ts';
import { recoverFilter } from './pipeline/recover.ts';
import { auditIdFilter, requestInfoFilter, warningsFilter } from './pipeline/request-headers.ts';
import { measureFilter, type RequestMetrics } from './pipeline/request-metrics.ts';
import type { ObjectWriter } from './status/status-response.ts';

export interface PipelineOptions {
  readonly authenticator: RequestAuthenticator;
  readonly authorizer: Authorizer;
  readonly limits: InFlightLimits;
  /** For everything that does not run long; 60 s in upstream. */
  readonly requestTimeoutMs: number;
  /** The representations that failures can be told in; the first is the default. */
  readonly writers: readonly ObjectWriter[];
  readonly metrics: RequestMetrics;
  /** Ends what runs long, when the server stops. */
  readonly stopping: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Upstream's limits and deadline. */
export const DEFAULT_LIMITS: InFlightLimits = { readOnly: 400, mutating: 200 };
export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;

/**
 * The way of every request, outermost first. The order is upstream's and means something: nothing is told to who is not authenticated, limits
 * count users that are known, and rights are those of the user that is impersonated. The promise never rejects.
 */
export function buildPipeline(
  options: PipelineOptions,
  handler: Handler,
): (request: ApiRequest) => Promise<ApiResponse> {
  const { writers, log, clock, metrics } = options;
  const run = compose(
    [
      auditIdFilter,
      recoverFilter(log, writers),
      requestInfoFilter,
      measureFilter(metrics, clock),
      recoverFilter(log, writers), // so that refusals and failures are measured like every other answer
      deadlineFilter(options.requestTimeoutMs, options.stopping, clock),
      warningsFilter,
      authenticateFilter(options.authenticator, writers, log),
      impersonateFilter(options.authorizer, log),
      inFlightFilter(options.limits, metrics),
      authorizeFilter(options.authorizer),
    ],
    handler,
  );
  return request => run(newContext(request));
}
