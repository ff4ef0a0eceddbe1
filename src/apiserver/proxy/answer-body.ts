import type { IncomingMessage } from 'node:http';
import { PassThrough, pipeline, type Readable, type Transform } from 'node:stream';
import type { ApiRequest, StreamingBody } from '../http.ts';

/** The body of a backend's answer as it comes, through these transforms. It is let go when the signal aborts. */
export function answerBody(
  answer: IncomingMessage,
  request: Pick<ApiRequest, 'method'>,
  signal: AbortSignal,
  through: readonly Transform[] = [],
): StreamingBody {
  if (request.method === 'HEAD') answer.resume();
  return {
    async stream(sink, gone) {
      const end = (): void => void answer.destroy();
      gone.addEventListener('abort', end, { once: true });
      signal.addEventListener('abort', end, { once: true });
      try {
        for await (const piece of passed(answer, through)) await sink.write([piece as Buffer], gone);
      } catch (error) {
        // who has left, and a server that stops, need no word
        if (!gone.aborted && !signal.aborted) throw error;
      } finally {
        gone.removeEventListener('abort', end);
        signal.removeEventListener('abort', end);
        answer.destroy();
      }
    },
  };
}

function passed(answer: IncomingMessage, through: readonly Transform[]): Readable {
  if (through.length === 0) return answer;
  const last = new PassThrough();
  pipeline([answer, ...through, last], () => {}); // its error is the last one's too
  return last;
}
