import type { Clock } from '../../base/clock.ts';
import type { AdmissionPlugin } from '../admission/plugin.ts';
import { storageFault } from '../storage/errors.ts';
import type { ServedResource } from './served-resource.ts';

/** How long a namespace that was deleted here counts as one that the cache may show as it was. Upstream's. */
const DELETED_MS = 30_000;
const MAX_DELETED = 100;
/** How long a pod waits for the account `default` of a new namespace, which a controller makes. As upstream's ten tries take. */
const ACCOUNT_MS = 1_500;

/**
 * What the plugins read is in the cache, which may be milliseconds behind: this waits for it where that would be seen. A namespace that was made
 * just now is there, one that was deleted just now takes nothing new, and the account of a pod is there.
 */
export function freshObjects(resources: ReadonlyMap<string, ServedResource>, clock: Clock): AdmissionPlugin {
  const namespaces = resources.get('/v1/namespaces');
  const accounts = resources.get('/v1/serviceaccounts');
  const deleted = new Map<string, number>();
  const arrivals = accounts === undefined ? undefined : new Arrivals(accounts, clock);
  return {
    name: 'FreshObjects',
    handles: ({ operation }) => operation !== 'CONNECT',
    async mutate(request, signal) {
      const { namespace, resource, group, subresource, operation } = request;
      const object = request.object ?? {};
      if (namespace === '' || (resource === 'namespaces' && group === '')) return object;
      const isDeleted = (deleted.get(namespace) ?? 0) > clock.monotonic();
      await look(namespaces, '', namespace, isDeleted, signal);
      if (operation !== 'CREATE' || group !== '' || resource !== 'pods' || subresource !== '') return object;
      const { spec } = object as { readonly spec?: { readonly serviceAccountName?: string } };
      const name = spec?.serviceAccountName || 'default';
      await look(accounts, namespace, name, false, signal);
      if (name === 'default') await arrivals?.wait(namespace, name, signal);
      return object;
    },
    async validate({ operation, resource, group, name }) {
      if (operation !== 'DELETE' || resource !== 'namespaces' || group !== '') return;
      const [oldest] = deleted.keys();
      if (deleted.size >= MAX_DELETED && oldest !== undefined) deleted.delete(oldest);
      deleted.set(name, clock.monotonic() + DELETED_MS);
    },
  };
}

async function look(
  served: ServedResource | undefined,
  namespace: string,
  name: string,
  always: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (served === undefined) return;
  const key = served.key(namespace, name);
  if (!always && served.cache.peek(key) !== undefined) return;
  try {
    await served.cache.get(key, { signal });
  } catch (error) {
    if (storageFault(error) !== 'not-found') throw error;
  }
}

/** Waits for objects that somebody else is about to make. */
class Arrivals {
  readonly #served: ServedResource;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(served: ServedResource, clock: Clock) {
    this.#served = served;
    this.#clock = clock;
    const wake = (key: string): void => {
      for (const each of this.#waiting.get(key) ?? []) each();
    };
    served.cache.observe({
      changed: ({ key }) => wake(key),
      loaded: () => {
        for (const key of this.#waiting.keys()) wake(key);
      },
    });
  }

  /** Until the object is there, its time is up, or the signal aborts; the caller looks. */
  async wait(namespace: string, name: string, signal: AbortSignal): Promise<void> {
    const key = this.#served.key(namespace, name);
    if (this.#served.cache.peek(key) !== undefined || signal.aborted) return;
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    await new Promise<void>(resolve => {
      const cancel = this.#clock.after(ACCOUNT_MS, () => end());
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        waiting.delete(end);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve();
      };
      waiting.add(end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}
