import type { OwnerReference } from '../../api/types/gen/meta-v1.ts';
import type { Identity } from './identity.ts';

/** Upstream's size. */
const MAX_REMEMBERED = 500;

/** Owners that are known not to exist, the latest few: a uid never comes back, so it need not be asked for again for each dependent. */
export class AbsentOwners {
  readonly #known = new Set<string>();

  add(owner: Identity): void {
    const key = keyOf(owner, owner.namespace);
    this.#known.delete(key);
    this.#known.add(key);
    if (this.#known.size > MAX_REMEMBERED)
      for (const oldest of [...this.#known].slice(0, 1)) this.#known.delete(oldest);
  }

  /** True for an owner that is not in the cluster, or not in this namespace. */
  has(owner: OwnerReference, namespace: string): boolean {
    return ['', namespace].map(each => keyOf(owner, each)).some(key => this.#touch(key));
  }

  #touch(key: string): boolean {
    const isKnown = this.#known.delete(key);
    if (isKnown) this.#known.add(key);
    return isKnown;
  }
}

function keyOf({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): string {
  return JSON.stringify([apiVersion, kind, namespace, name, uid]);
}
