import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';

/**
 * Ends HTTP/2 connections on which no request was open for `idleMs`. Pings and half-sent headers do not count as use, so a client can neither keep an idle
 * connection for ever nor send a request a byte a minute. One timer a connection, none while requests are open.
 */
export function endIdleSession(session: ServerHttp2Session, idleMs: number): void {
  let open = 0;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    timer = setTimeout(() => {
      session.close();
      // A peer that does not answer the goodbye is cut off.
      timer = setTimeout(() => session.destroy(), GOODBYE_MS).unref();
    }, idleMs).unref();
  };
  session.on('stream', (stream: ServerHttp2Stream) => {
    open++;
    clearTimeout(timer);
    stream.once('close', () => {
      if (--open === 0 && !session.destroyed) wait();
    });
  });
  session.once('close', () => clearTimeout(timer));
  wait();
}

const GOODBYE_MS = 5000;
