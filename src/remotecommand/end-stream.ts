import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Ends a stream of a connection. Resolves when all that was written has gone to the socket, or was dropped because the stream is lost. */
export async function endStream(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.writableFinished || stream.destroyed) return;
  stream.end();
  await Promise.race([once(stream, 'finish'), once(stream, 'close')]).catch(() => {});
}
