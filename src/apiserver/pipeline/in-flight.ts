import { GROUP_MASTERS } from '../authn/user.ts';
import { textResponse, withHeaders } from '../http.ts';
import { isLongRunning, isMutating } from '../request-info.ts';
import type { Filter } from './context.ts';
import type { RequestMetrics } from './request-metrics.ts';

export interface InFlightLimits {
  /** Reads at a time; 400 in upstream. 0 is no limit. */
  readonly readOnly: number;
  /** Writes at a time; 200 in upstream. */
  readonly mutating: number;
}

/** Calls once when the request has ended: when its answer has been written, or nobody is there to take it. */
function afterRequest(signal: AbortSignal, call: () => void): void {
  if (signal.aborted) call();
  else signal.addEventListener('abort', call, { once: true });
}

/**
 * Refuses what exceeds the limits with 429 at once, rather than let everything become slow. What runs long is not counted, and members of system:masters are
 * never refused: someone must be able to look. A seat is taken until the answer has been written, for until then it costs memory.
 */
export function inFlightFilter(limits: InFlightLimits, metrics: RequestMetrics): Filter {
  const running = { readOnly: 0, mutating: 0 };
  return {
    name: 'in-flight',
    async handle(context, next) {
      if (isLongRunning(context.info)) return next(context);
      const kind = isMutating(context.info) ? 'mutating' : 'readOnly';
      const full = limits[kind] > 0 && running[kind] >= limits[kind];
      if (full && !context.user.groups.includes(GROUP_MASTERS)) {
        metrics.terminated(context.info, context.request, 429);
        return withHeaders(textResponse(429, 'Too many requests, please try again later.'), { 'retry-after': '1' });
      }
      running[kind]++;
      metrics.inFlight(kind, running[kind]);
      const leave = (): void => {
        running[kind]--;
      };
      try {
        return await next(context);
      } finally {
        afterRequest(context.request.signal, leave);
      }
    },
  };
}
