import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** What was answered, whatever its status. */
export interface TextAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly text: string;
}

/**
 * GET over plain HTTP, on a connection of its own. Throws, with the reason of the connection, where nobody answers. Node's fetch would do it too, and load 25 ms of code for it.
 */
export async function getText(url: string, signal: AbortSignal): Promise<TextAnswer> {
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { agent: false, signal }, resolve).once('error', reject);
    });
    const status = answer.statusCode ?? 0;
    return { ok: status >= 200 && status < 300, status, text: await text(answer) };
  } catch (error) {
    signal.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
    throw new Error(`nothing listens at ${new URL(url).host}`, { cause: error });
  }
}
