import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { Clock } from '../base/clock.ts';
import { trimHeap } from '../linux/heap.ts';

/** So many things have to be freed before it is worth the while; a thousand connections hold some 50 MiB. */
const MIN_FREED = 200;
/** What is freed comes in floods: the end of one is waited for. */
const QUIET_MS = 3_000;

/** Calls `done` after the next full collection of garbage; returns how to stop waiting. */
export type AfterCollection = (done: () => void) => () => void;

/**
 * Gives memory back to the kernel after many things of some size, connections say, have come and gone: once the flood is over, and again after the next full collection
 * of garbage, which only then frees what JavaScript held. Nothing is collected on purpose: that would stop everything for a moment. Without it a process that
 * once had ten thousand connections stays as large as it was then.
 */
export class MemoryReturn {
  readonly #clock: Clock;
  readonly #trim: () => Promise<unknown>;
  readonly #afterCollection: AfterCollection;
  #freed = 0;
  #cancel: (() => void) | undefined;

  constructor(
    clock: Clock,
    trim: () => Promise<unknown> = trimHeap,
    afterCollection: AfterCollection = nextFullCollection,
  ) {
    this.#clock = clock;
    this.#trim = trim;
    this.#afterCollection = afterCollection;
  }

  /** One more is freed. Costs next to nothing. */
  freed(): void {
    this.#freed += 1;
    if (this.#freed < MIN_FREED) return;
    // the wait begins anew at every hundredth, rather than at each of ten thousand
    if (this.#cancel !== undefined && this.#freed % 100 !== 0) return;
    this.#cancel?.();
    this.#cancel = this.#clock.after(QUIET_MS, () => {
      this.#freed = 0;
      this.#giveBack();
      this.#cancel = this.#afterCollection(() => {
        this.#cancel = undefined;
        this.#giveBack();
      });
    });
  }

  #giveBack(): void {
    // memory that stays where it is harms nobody else
    this.#trim().catch(() => {});
  }
}

/** What Node tells of a collection; its types leave it out. */
interface Collection {
  readonly detail?: { readonly kind?: number };
}

function nextFullCollection(done: () => void): () => void {
  const observer = new PerformanceObserver(list => {
    const isFull = (entry: object): boolean =>
      (entry as Collection).detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    if (!list.getEntries().some(isFull)) return;
    observer.disconnect();
    done();
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
