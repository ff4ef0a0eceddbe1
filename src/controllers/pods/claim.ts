import type { LabelSelector } from '../../api/selectors/label-selector.ts';
import type { ApiObject } from '../../client/api-object.ts';
import { controllerOf } from './pod-from-template.ts';

/** What belongs to an owner, and what shall begin or cease to. */
export interface Claim<T> {
  readonly owned: readonly T[];
  /** Fitting orphans. */
  readonly adopt: readonly T[];
  /** Owned, but not fitting any more. */
  readonly release: readonly T[];
}

/**
 * Sorts what may concern an owner. Others' objects are left alone; an owner that is being deleted adopts nothing and releases nothing, for its dependents are the
 * garbage collector's. Nothing that is being deleted itself is adopted. `isMember`: what else an object has to be, as to have a certain name. Pure.
 */
export function claim<T extends ApiObject>(
  candidates: readonly T[],
  owner: ApiObject,
  selector: LabelSelector,
  isMember: (object: T) => boolean = () => true,
): Claim<T> {
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const isEnding = owner.metadata.deletionTimestamp !== undefined;
  for (const each of candidates) {
    const controller = controllerOf(each);
    const fits = selector.matches(each.metadata.labels ?? {}) && isMember(each);
    if (controller === undefined) {
      if (fits && !isEnding && each.metadata.deletionTimestamp === undefined) adopt.push(each);
    } else if (controller.uid === owner.metadata.uid) {
      if (fits || isEnding) owned.push(each);
      else release.push(each);
    }
  }
  return { owned, adopt, release };
}
