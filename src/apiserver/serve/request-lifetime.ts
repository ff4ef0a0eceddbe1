import type { EventEmitter } from 'node:events';
import { GantryError } from '../../base/errors.ts';

/** How long somebody works for one request. */
export interface RequestLifetime {
  /** Aborts with a `cancelled` error when the client is gone or the request has ended, whichever comes first. */
  readonly signal: AbortSignal;
  /** The answer is sent, or nobody is there to take it: what still waits on behalf of the request is let go. Safe to repeat. */
  end(): void;
}

/** The lifetime of the request that `response` answers; its `close` tells that the client is gone. */
export function requestLifetime(response: EventEmitter): RequestLifetime {
  const controller = new AbortController();
  const onClose = (): void => controller.abort(new GantryError('cancelled', 'the client is gone'));
  response.once('close', onClose);
  return {
    signal: controller.signal,
    end() {
      response.off('close', onClose);
      controller.abort(new GantryError('cancelled', 'the request has ended'));
    },
  };
}
