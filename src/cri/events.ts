import { GantryError } from '../base/errors.ts';
import type { ContainerEventResponse } from '../rpc/cri-api.ts';

/** How many events a subscriber may lag behind. 20 pods at once make some 160; a kubelet that is ten times behind had better list again. */
export const EVENT_QUEUE_LENGTH = 2048;

/** Hands every container event to every subscriber, in order. */
export class EventHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #queueLength: number;

  constructor(queueLength = EVENT_QUEUE_LENGTH) {
    this.#queueLength = queueLength;
  }

  /** True while somebody listens: building an event costs the statuses of a whole pod. */
  get hasSubscribers(): boolean {
    return this.#subscribers.size > 0;
  }

  publish(event: ContainerEventResponse): void {
    for (const subscriber of this.#subscribers) subscriber.push(event);
  }

  /**
   * Events from now on, until `signal` aborts (the iteration then ends). A subscriber that lets its queue fill up is cut off with
   * `resource-exhausted`: a gap must be seen, since the kubelet closes it by listing again.
   */
  subscribe(signal: AbortSignal): AsyncIterable<ContainerEventResponse> {
    const subscriber = new Subscriber(this.#queueLength, () => this.#subscribers.delete(subscriber));
    this.#subscribers.add(subscriber);
    const onAbort = (): void => subscriber.end();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    return subscriber.events();
  }
}

class Subscriber {
  readonly #queue: ContainerEventResponse[] = [];
  readonly #limit: number;
  readonly #leave: () => void;
  #wake: (() => void) | undefined;
  #ended = false;
  #overflowed = false;

  constructor(limit: number, leave: () => void) {
    this.#limit = limit;
    this.#leave = leave;
  }

  push(event: ContainerEventResponse): void {
    if (this.#queue.length >= this.#limit) {
      this.#overflowed = true;
      this.end();
      return;
    }
    this.#queue.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#leave();
    this.#wake?.();
  }

  async *events(): AsyncGenerator<ContainerEventResponse> {
    try {
      for (;;) {
        if (this.#overflowed)
          throw new GantryError(
            'resource-exhausted',
            `the subscriber fell ${this.#limit} events behind and was cut off: list sandboxes and containers, then subscribe again`,
          );
        const event = this.#queue.shift();
        if (event !== undefined) yield event;
        else if (this.#ended) return;
        else await new Promise<void>(resolve => (this.#wake = resolve));
      }
    } finally {
      this.#leave();
    }
  }
}
