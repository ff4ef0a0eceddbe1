import { errorCode, errorMessage } from '../base/errors.ts';
import type { Outcome } from '../base/outcome.ts';
import type { WorkQueue } from './work-queue.ts';

/**
 * Brings one object, by its key, a step nearer to what it should be. Called again whenever something it depends on has changed, and after what its outcome
 * says; never twice at a time for one key. Safe to be cut off anywhere: the next call looks at everything anew.
 */
export interface Reconciler {
  readonly name: string;
  reconcile(key: string, signal: AbortSignal): Promise<Outcome>;
  /** What goes on beside the keys until the signal aborts, where there is such a thing. Never rejects. */
  run?(signal: AbortSignal): Promise<void>;
}

export interface ReconcileOptions {
  readonly queue: WorkQueue;
  /** Keys at a time. */
  readonly workers: number;
  /** Told of every failure, with the pause before the next try. */
  readonly onFailure: (key: string, message: string, pauseMs: number) => void;
}

/** Works on the queue until the signal aborts, then ends when what is under way has ended. Never rejects. */
export async function runReconciler(
  reconciler: Reconciler,
  options: ReconcileOptions,
  signal: AbortSignal,
): Promise<void> {
  const { queue, workers } = options;
  const close = (): void => queue.close();
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
  const works = Array.from({ length: workers }, () => work(reconciler, options, signal));
  await Promise.all([reconciler.run?.(signal), ...works]);
}

async function work(
  reconciler: Reconciler,
  { queue, onFailure }: ReconcileOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    const outcome = await outcomeOf(reconciler, key, signal);
    if (signal.aborted) return;
    switch (outcome.kind) {
      case 'settled':
        queue.forget(key);
        break;
      case 'advanced':
        queue.forget(key);
        queue.add(key);
        break;
      case 'wait':
        queue.forget(key);
        queue.addAfter(key, outcome.forMs);
        break;
      case 'failed': {
        const pause = queue.addFailed(key);
        // somebody else wrote in between: that is what looking again is for
        if (errorCode(outcome.error) !== 'aborted') onFailure(key, errorMessage(outcome.error), pause);
        break;
      }
    }
    queue.done(key);
  }
}

async function outcomeOf(reconciler: Reconciler, key: string, signal: AbortSignal): Promise<Outcome> {
  try {
    return await reconciler.reconcile(key, signal);
  } catch (error) {
    return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
  }
}
