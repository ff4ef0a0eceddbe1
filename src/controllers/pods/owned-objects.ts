import type { LabelSelector } from '../../api/selectors/label-selector.ts';
import { isNotFound } from '../../base/errors.ts';
import { type ApiObject, keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Change } from '../../client/object-store.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import { claim } from './claim.ts';
import { controllerOf, controllerReference } from './pod-from-template.ts';

/** How objects name the kind that they belong to. */
export interface OwnerKind {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface OwnedOptions<T extends ApiObject, O extends ApiObject> {
  readonly objects: Informed<T>;
  readonly owners: Informed<O>;
  readonly kind: OwnerKind;
  /** What fits an owner; undefined where it takes nobody in. */
  readonly selectorOf: (owner: O) => LabelSelector | undefined;
  /** Makes the owner of this key look: something about what it has, or could have, has changed. */
  readonly enqueue: (ownerKey: string) => void;
  readonly writer: ResourceClient<T>;
  /** What fits has to be this as well; anything unless given. */
  readonly isMember?: (owner: O, object: T) => boolean;
  /** Told of every change of an object that the owner of this key has or had. */
  readonly onOwned?: (ownerKey: string, change: Change<T>) => void;
}

const BY_CONTROLLER = 'controller-uid';
const ORPHANS = 'orphans-of-namespace';

/** The objects of one kind that belong to owners of another: finds them by index, wakes their owners, adopts and releases. */
export class OwnedObjects<T extends ApiObject, O extends ApiObject> {
  readonly #options: OwnedOptions<T, O>;

  constructor(options: OwnedOptions<T, O>) {
    this.#options = options;
    const { store } = options.objects;
    // the store is shared, and so are its indexes
    if (!store.hasIndex(BY_CONTROLLER)) {
      store.addIndex(BY_CONTROLLER, object => listOf(controllerOf(object)?.uid));
      store.addIndex(ORPHANS, object => (controllerOf(object) === undefined ? listOf(object.metadata.namespace) : []));
    }
    options.objects.onChange(change => this.#wake(change));
  }

  /** What an owner has. */
  of(owner: O): readonly T[] {
    return this.#options.objects.store.byIndex(BY_CONTROLLER, owner.metadata.uid ?? '');
  }

  /** Whom an object belongs to: only where the owner of that name is the very one, not of another life. */
  ownerOf(object: T): O | undefined {
    const { owners, kind } = this.#options;
    const reference = controllerOf(object);
    if (reference === undefined || reference.kind !== kind.kind) return undefined;
    const owner = owners.store.get(object.metadata.namespace ?? '', reference.name);
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  }

  /**
   * What an owner has, after fitting orphans were adopted and those that fit no more were released. `fresh` reads the owner from the server: what the store
   * shows may be the owner of a life before, which must not take anything. Throws what the server says.
   */
  async claim(owner: O, selector: LabelSelector, fresh: () => Promise<O>, signal: AbortSignal): Promise<readonly T[]> {
    const orphans = this.#options.objects.store.byIndex(ORPHANS, owner.metadata.namespace ?? '');
    const { owned, adopt, release } = claim([...this.of(owner), ...orphans], owner, selector, object =>
      this.#isMember(owner, object),
    );
    if (adopt.length > 0) await requireSame(owner, fresh);
    const { apiVersion, kind } = this.#options.kind;
    const mine = [controllerReference(owner, apiVersion, kind)];
    const adopted = await Promise.all(adopt.map(object => this.#patchOwners(object, mine, signal)));
    const gone = [{ $patch: 'delete', uid: owner.metadata.uid }];
    await Promise.all(release.map(object => this.#patchOwners(object, gone, signal)));
    return [...owned, ...adopted.filter(object => object !== undefined)];
  }

  #wake(change: Change<T>): void {
    const { owners, enqueue, selectorOf, onOwned } = this.#options;
    const seen = [change.before, change.after].filter(object => object !== undefined);
    const keys = new Set(seen.flatMap(object => keyOfOwner(this.ownerOf(object))));
    for (const key of keys) {
      onOwned?.(key, change);
      enqueue(key);
    }
    const orphan = change.after;
    if (orphan === undefined || controllerOf(orphan) !== undefined) return;
    for (const owner of owners.store.list(orphan.metadata.namespace))
      if (selects(() => selectorOf(owner), orphan) && this.#isMember(owner, orphan)) enqueue(keyOf(owner));
  }

  #isMember(owner: O, object: T): boolean {
    return this.#options.isMember?.(owner, object) !== false;
  }

  /** The uid in the patch makes it one of this very object; undefined where that is gone. */
  async #patchOwners(object: T, ownerReferences: readonly object[], signal: AbortSignal): Promise<T | undefined> {
    const { namespace = '', name = '', uid } = object.metadata;
    try {
      return await this.#options.writer.patch(
        { namespace, name },
        'strategic',
        { metadata: { ownerReferences, uid } },
        signal,
      );
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

function listOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}

function keyOfOwner(owner: ApiObject | undefined): readonly string[] {
  return owner === undefined ? [] : [keyOf(owner)];
}

async function requireSame<O extends ApiObject>(owner: O, fresh: () => Promise<O>): Promise<void> {
  const { metadata } = await fresh();
  if (metadata.uid !== owner.metadata.uid)
    throw new Error(`${keyOf(owner)} was made anew meanwhile: its uid is ${metadata.uid}, not ${owner.metadata.uid}`);
  if (metadata.deletionTimestamp !== undefined) throw new Error(`${keyOf(owner)} is being deleted and adopts nothing`);
}

/** Whether an owner's selector takes an object. One that cannot be read takes none: that is told when its owner is looked at, and concerns no other. */
export function selects(selector: () => LabelSelector | undefined, { metadata }: ApiObject): boolean {
  try {
    return selector()?.matches(metadata.labels) === true;
  } catch {
    return false;
  }
}
