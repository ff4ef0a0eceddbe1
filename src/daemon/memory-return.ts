import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { Clock } from '../base/clock.ts';
import { trimHeap } from '../linux/heap.ts';

/** So many things have to be freed before it is worth the while; a thousand connections hold some 50 MiB. */
const MIN_FREED = 200;
/** What is freed comes in floods: the end of one is waited for. */
const QUIET_MS = 3_000;

/** Collections that it takes: what the end of the first sets free is garbage for the second. */
const COLLECTIONS = 2;

/** Calls `done` after the next full collection of garbage; returns how to stop waiting. */
export type AfterCollection = (done: () => void) => () => void;

/** The doors to the C library and to V8. */
export interface MemoryDoors {
  readonly trim: () => Promise<unknown>;
  readonly afterCollection: AfterCollection;
  /** Has V8 begin a full collection; safe to repeat. */
  readonly provoke: () => void;
}

/**
 * Gives memory back to the kernel after many things of some size, connections say, have come and gone: once the flood is over, and again after each of the full
 * collections of garbage that then follow, which only free what JavaScript held. A server that has nothing to do would not collect for long, and stay as large as
 * it was with ten thousand connections.
 */
export class MemoryReturn {
  readonly #clock: Clock;
  readonly #doors: MemoryDoors;
  #freed = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, doors: Partial<MemoryDoors> = {}) {
    this.#clock = clock;
    this.#doors = { trim: trimHeap, afterCollection: nextFullCollection, provoke: tellOfMemoryOutside, ...doors };
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
      this.#giveBack(COLLECTIONS);
    });
  }

  /** Now, and after so many collections. */
  #giveBack(collections: number): void {
    // memory that stays where it is harms nobody else
    this.#doors.trim().catch(() => {});
    this.#cancel = undefined;
    if (collections === 0) return;
    // what lies outside of V8's heap is freed in tasks after the collection
    this.#cancel = this.#doors.afterCollection(() => {
      this.#cancel = this.#clock.after(QUIET_MS, () => this.#giveBack(collections - 1));
    });
    this.#doors.provoke();
  }
}

/** More than the 64 MiB by which the memory that is held outside of V8's heap may grow from one full collection to the next. */
const UNTOLD_BYTES = 96 * 1024 * 1024;

/**
 * V8 begins a full collection, most of it beside the program, when it hears that much more is held outside of its heap than after the last one. TLS
 * connections hold as much and do not tell. Nothing is written to the bytes, so the kernel gives no memory for them.
 */
function tellOfMemoryOutside(): void {
  void new ArrayBuffer(UNTOLD_BYTES);
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
