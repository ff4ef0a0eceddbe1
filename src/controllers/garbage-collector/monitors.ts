import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { ServedKind, ServedKinds } from '../../client/discovery.ts';
import type { KindName } from './identity.ts';
import { collectable, groupVersionOf, kindName } from './kinds.ts';

export interface MonitorsOptions {
  readonly discover: (signal: AbortSignal) => Promise<ServedKinds>;
  /** Watches a kind until the signal aborts; never rejects. `onSynced` is called once its first state is known. */
  readonly watch: (kind: ServedKind, signal: AbortSignal, onSynced: () => void) => Promise<void>;
  /** Told after the watch of a kind has ended that is not served any more. */
  readonly onGone: (kind: KindName) => void;
  readonly clock: Clock;
  readonly onTrouble: (message: string) => void;
}

interface Monitor {
  readonly kind: ServedKind;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Upstream's period of discovery, and how long it waits for the first state of all kinds before it begins with what it has. */
const DISCOVERY_MS = 30_000;
const INITIAL_SYNC_MS = 30_000;
/** A server that does not answer when the process starts is asked again sooner. */
const FIRST_DISCOVERY_MS = 1_000;

/** Watches every kind that can be collected. Kinds come and go: discovery tells of them from time to time. */
export class Monitors {
  /** Resolves when the kinds of the first discovery have their first state, or have had their time for it. */
  readonly synced: Promise<void>;
  /** True once `synced` has resolved: who asks often leaves no listeners behind. */
  isSynced = false;
  readonly #options: MonitorsOptions;
  readonly #monitors = new Map<string, Monitor>();
  readonly #waiting = new Set<string>();
  #kinds = new Map<string, ServedKind>();
  #onSynced = (): void => {};

  constructor(options: MonitorsOptions) {
    this.#options = options;
    this.synced = new Promise(resolve => {
      this.#onSynced = resolve;
    });
  }

  /** The kind that a reference means, in any version that is served. */
  find(name: KindName): ServedKind | undefined {
    return this.#kinds.get(keyOf(name));
  }

  /** Until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onTrouble } = this.#options;
    let cancel: (() => void) | undefined;
    while (!signal.aborted) {
      try {
        await this.#look(signal);
        cancel ??= clock.after(INITIAL_SYNC_MS, () => {
          if (!this.isSynced) onTrouble(`begins without the state of ${[...this.#waiting].join(', ')}`);
          this.#begins();
        });
      } catch (error) {
        if (!signal.aborted) onTrouble(`discovery failed: ${errorMessage(error)}`);
      }
      await sleep(cancel === undefined ? FIRST_DISCOVERY_MS : DISCOVERY_MS, signal, clock).catch(() => {});
    }
    cancel?.();
    for (const { stop } of this.#monitors.values()) stop.abort();
    await Promise.all([...this.#monitors.values()].map(monitor => monitor.ended));
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { discover, onGone, onTrouble } = this.#options;
    const { kinds, failures } = await discover(signal);
    if (kinds.length === 0) throw new Error(failures[0]?.because ?? 'the server tells of no kinds');
    // what a group serves that does not answer stays as it was
    const unknown = new Set(failures.map(failure => failure.groupVersion));
    for (const { groupVersion, because } of failures) onTrouble(`discovery of ${groupVersion} failed: ${because}`);
    const kept = [...this.#kinds.values()].filter(kind => unknown.has(groupVersionOf(kind.id)));
    this.#kinds = new Map([...kept, ...kinds].map(kind => [keyOf(kindName(kind)), kind]));
    const wanted = new Map([...collectable(kept), ...collectable(kinds)].map(kind => [textOf(kind), kind]));
    for (const [text, monitor] of this.#monitors) {
      if (wanted.has(text)) continue;
      this.#monitors.delete(text);
      this.#arrived(text);
      monitor.stop.abort();
      await monitor.ended;
      onGone(kindName(monitor.kind));
    }
    for (const [text, kind] of wanted) if (!this.#monitors.has(text)) this.#begin(text, kind);
  }

  #begin(text: string, kind: ServedKind): void {
    const stop = new AbortController();
    this.#waiting.add(text);
    const ended = this.#options.watch(kind, stop.signal, () => this.#arrived(text));
    this.#monitors.set(text, { kind, stop, ended });
  }

  #arrived(text: string): void {
    this.#waiting.delete(text);
    if (this.#waiting.size === 0) this.#begins();
  }

  #begins(): void {
    this.isSynced = true;
    this.#onSynced();
  }
}

function keyOf({ apiVersion, kind }: KindName): string {
  return `${apiVersion}/${kind}`;
}

/** `deployments.apps/v1`, for people and as a key. */
function textOf({ id }: ServedKind): string {
  return id.group === '' ? `${id.plural}/${id.version}` : `${id.plural}.${id.group}/${id.version}`;
}
