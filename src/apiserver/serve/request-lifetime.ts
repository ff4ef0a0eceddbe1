import type { EventEmitter } from 'node:events';
import { GantryError } from '../../base/errors.ts';

/** How long somebody works for one request. */
export interface RequestLifetime {
  /** Aborts with a `cancelled` error when the client is gone or the request has ended, whichever comes first. */
  readonly signal: AbortSignal;
  /** The answer is sent, or nobody is there to take it: what still waits on behalf of the request is let go. Safe to repeat. */
  end(): void;
}

/** Made once: the stack of an error costs more than the rest of a lifetime, and this one tells nothing by it. */
const ENDED = new GantryError('cancelled', 'the request has ended');

/**
 * What ends with a connection. A listener for each request would not do: of answers that wait for their turn on an HTTP/1.1 connection Node tells
 * nobody that it was closed.
 */
const OPEN = new WeakMap<EventEmitter, Set<() => void>>();

/**
 * The lifetime of the request that `response` answers on `connection` (the socket of HTTP/1.1, or the stream of HTTP/2); the `close` of either tells that the
 * client is gone.
 */
export function requestLifetime(response: EventEmitter, connection: EventEmitter): RequestLifetime {
  const controller = new AbortController();
  const onClose = (): void => {
    controller.abort(new GantryError('cancelled', 'the client is gone'));
    forget();
  };
  const forget = (): void => {
    response.off('close', onClose);
    OPEN.get(connection)?.delete(onClose);
  };
  response.once('close', onClose);
  openOn(connection).add(onClose);
  return {
    signal: controller.signal,
    end() {
      forget();
      controller.abort(ENDED);
    },
  };
}

/** Whether a request of this connection is under way. */
export function hasRequests(connection: EventEmitter): boolean {
  return (OPEN.get(connection)?.size ?? 0) > 0;
}

function openOn(connection: EventEmitter): Set<() => void> {
  const known = OPEN.get(connection);
  if (known !== undefined) return known;
  const open = new Set<() => void>();
  OPEN.set(connection, open);
  connection.once('close', () => {
    for (const onClose of open) onClose();
  });
  return open;
}
