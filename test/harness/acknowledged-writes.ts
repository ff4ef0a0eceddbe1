import { setTimeout } from 'node:timers/promises';
import type { ConfigMap } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;
const NAMESPACE = 'default';
/** The config map that is written over and over. */
export const COUNTER = 'counter';
const PAUSE_MS = 50;
const ANSWER_MS = 10_000;

/** Creates config maps and counts in one without a break, and keeps what the API server acknowledged. What it refused or left unanswered may be there or not. */
export class AcknowledgedWrites {
  readonly #connection: ApiConnection;
  readonly #maps: ResourceClient<ConfigMap>;
  readonly #created = new Set<string>();
  readonly #over = new AbortController();
  readonly #loop: Promise<void>;
  /** The last value that was acknowledged, and the last that was tried. */
  #counted = 0;
  #tried = 0;
  #closed = false;

  constructor(kubeconfig: string) {
    this.#connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'acknowledged-writes' });
    this.#maps = new ResourceClient<ConfigMap>(this.#connection, CONFIG_MAPS);
    this.#loop = this.#write();
  }

  /** Ends the writing, with a last value that is acknowledged: that value. */
  async stop(): Promise<string> {
    this.#over.abort();
    await this.#loop;
    return String(this.#counted);
  }

  /** What was acknowledged and is not there, or is there otherwise. */
  async lost(): Promise<string[]> {
    const { items } = await this.#maps.list(NAMESPACE, { labelSelector: 'of=acknowledged-writes' });
    const there = new Map(items.map(({ metadata, data }) => [metadata?.name ?? '', data?.['n'] ?? '']));
    const counter = Number(there.get(COUNTER));
    return [
      ...[...this.#created].filter(name => there.get(name) !== name),
      ...(counter >= this.#counted && counter <= this.#tried ? [] : [`${COUNTER} is ${counter}, was ${this.#counted}`]),
    ];
  }

  /** Ends it as it is. Safe to repeat. */
  close(): void {
    this.#closed = true;
    this.#over.abort();
    this.#connection.close();
  }

  async #write(): Promise<void> {
    const labels = { of: 'acknowledged-writes' };
    while (!this.#closed) {
      const isLast = this.#over.signal.aborted;
      const n = this.#tried + 1;
      this.#tried = n;
      const signal = AbortSignal.timeout(ANSWER_MS);
      const name = `written-${n}`;
      try {
        await this.#maps.create({ metadata: { name, namespace: NAMESPACE, labels }, data: { n: name } }, signal);
        this.#created.add(name);
        await this.#maps.patch(
          { namespace: NAMESPACE, name: COUNTER },
          'merge',
          { metadata: { labels }, data: { n: String(n) } },
          signal,
        );
        this.#counted = n;
        if (isLast) return;
      } catch {
        // whatever it was, it was not acknowledged
      }
      await setTimeout(PAUSE_MS);
    }
  }
}
