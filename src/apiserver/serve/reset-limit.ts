import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../base/clock.ts';

/**
 * Below what nghttp2 allows (a burst of 1000, then 33 a second): beyond that it says goodbye and reads no more, and Node keeps such a connection until it counts as
 * idle.
 */
const BURST = 900;
const PER_SECOND = 30;

/** Ends an HTTP/2 connection whose client gives up requests as fast as it makes them: each costs work, and none counts against the limits of those that wait. */
export function endResettingSession(session: ServerHttp2Session, clock: Clock, onEnd: () => void): void {
  let left = BURST;
  let at = clock.monotonic();
  const onReset = (): void => {
    const now = clock.monotonic();
    left = Math.min(BURST, left + ((now - at) / 1000) * PER_SECOND) - 1;
    at = now;
    if (left >= 0 || session.destroyed) return;
    onEnd();
    session.destroy();
  };
  session.on('stream', (stream: ServerHttp2Stream) => {
    // Not `aborted`: that is not told where the answer is on its way already.
    stream.once('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) onReset();
    });
  });
}
