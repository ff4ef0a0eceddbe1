import { errorMessage } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import type { Answer } from './facts.ts';

/** How long a part has to answer: longer than a busy one takes, and all of them together are seen in less than five seconds. */
export const ANSWER_MS = 2500;

/** What a part answers within its time, or the reason why it does not. Rejects only with the reason of `signal`; a part that heeds no signal is not waited for either. */
export async function answerOf<T extends object>(
  what: string,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
  ms = ANSWER_MS,
): Promise<Answer<T>> {
  const deadline = deadlineSignal(ms, what, signal);
  try {
    const late = new Promise<never>((_resolve, reject) => {
      deadline.signal.addEventListener('abort', () => reject(deadline.signal.reason), { once: true });
    });
    return { answered: true, ...(await Promise.race([ask(deadline.signal), late])) };
  } catch (error) {
    signal.throwIfAborted();
    return {
      answered: false,
      because: deadline.signal.aborted ? `no answer within ${ms / 1000} s` : errorMessage(error),
    };
  } finally {
    deadline.release();
  }
}
