import { ApiError } from '../../api/status.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';

/**
 * Names under which pods were to be made and no answer came: each may be there by now. Who wants such a pod still asks for it by that name again, and so
 * never has it twice. By the key of the owner; a name is for a pod that is the same in all else.
 */
export class UnansweredCreations {
  readonly #names = new Map<string, Map<string, string>>();

  /** A name that this pod was to have, undefined where there is none. It is remembered no more. */
  take(key: string, pod: Pod): string | undefined {
    const names = this.#names.get(key);
    if (names === undefined) return undefined;
    const what = JSON.stringify(pod);
    const [name] = [...names].find(([, other]) => other === what) ?? [];
    if (name !== undefined) this.drop(key, name);
    return name;
  }

  /** `pod` without its name. */
  add(key: string, name: string, pod: Pod): void {
    const names = this.#names.get(key) ?? new Map<string, string>();
    this.#names.set(key, names.set(name, JSON.stringify(pod)));
  }

  /** The pod was seen: who counts knows of it. */
  drop(key: string, name: string): void {
    const names = this.#names.get(key);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(key);
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.#names.delete(key);
  }
}

/** Whether what was asked for may have been done: nothing came back, or the word of a server that did not know either (5xx). */
export function mayHaveHappened(error: unknown): boolean {
  return !(error instanceof ApiError && error.httpCode < 500);
}
