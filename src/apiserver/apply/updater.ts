import { sameJson } from '../patch/json-value.ts';
import { type Comparison, compareObjects, filterComparison } from './compare.ts';
import { fieldSetOf, withNamedFields } from './field-set.ts';
import { type Managed, type ManagerId, type Managers, managerKey, withSet } from './managed.ts';
import { mergeObjects } from './merge.ts';
import { compareTexts, type PathElement } from './path-element.ts';
import { PathSet } from './path-set.ts';
import { reconcileSet } from './reconcile-set.ts';
import { removeItems } from './remove-items.ts';
import type { Shape } from './shape.ts';

/** The JSON of an object in one version. */
export interface VersionedObject {
  readonly apiVersion: string;
  readonly shape: Shape;
  readonly value: unknown;
}

/** What has to be known of a kind to track who manages the fields of its objects. */
export interface Tracking {
  /** The object in another version; undefined where the kind is not served in it. Throws for what is no version. */
  readonly convert: (object: VersionedObject, apiVersion: string) => VersionedObject | undefined;
  /** What is left of a set when the paths are gone that this way of writing never changes. */
  readonly filter: (set: PathSet) => PathSet;
}

export interface Conflict {
  readonly id: ManagerId;
  readonly path: readonly PathElement[];
}

/** Fields that somebody else has, and that were not to be taken by force. */
export interface Conflicts {
  readonly conflicts: readonly Conflict[];
}

/** Who writes: where its set is to be kept, and in which version it speaks. */
export interface Writer {
  readonly id: ManagerId;
  readonly apiVersion: string;
}

/**
 * The managers after an update of any kind: what `writer` added or changed is its own, and nobody else's any more. `changed` is the set that it got now;
 * empty where nothing changed.
 */
export function updateManagers(
  tracking: Tracking,
  old: VersionedObject,
  next: VersionedObject,
  managers: Managers,
): { readonly managers: Managers; readonly changed: PathSet } {
  const known = reconcileManagers(tracking, old, managers);
  const comparison = filterComparison(compareObjects(old.shape, old.value, next.value), tracking.filter);
  const left = takeFromOthers(tracking, { old, next, comparison }, known, undefined).managers;
  return { managers: left, changed: comparison.modified.union(comparison.added) };
}

export interface Applied {
  readonly managers: Managers;
  /** The merged object; undefined where it is the one that was there. */
  readonly object: unknown;
}

/** Merges what an applier wants into the object, and removes what it gave up and nobody else has. */
export function applyConfig(
  tracking: Tracking,
  live: VersionedObject,
  config: VersionedObject,
  before: Managers,
  { id, apiVersion }: Writer,
  force: boolean,
): Applied | Conflicts {
  const known = reconcileManagers(tracking, live, before);
  const key = managerKey(id);
  const last = known.get(key);
  const merged = { ...config, value: mergeObjects(live.shape, live.value, config.value) ?? null };
  const set = tracking.filter(fieldSetOf(config.shape, config.value));
  const managers = new Map(known).set(key, { id, set, apiVersion, time: last?.time });
  const next = prune(tracking, merged, managers, last, apiVersion);
  const comparison = filterComparison(compareObjects(live.shape, live.value, next.value), tracking.filter);
  const taken = takeFromOthers(tracking, { old: live, next, comparison }, managers, key);
  if (!force && taken.conflicts.length > 0) return { conflicts: taken.conflicts };
  return { managers: taken.managers, object: sameJson(live.value, next.value) ? undefined : next.value };
}

/** Sets as the schema of today has them. Managers of versions that are served no more are gone. */
function reconcileManagers(tracking: Tracking, live: VersionedObject, managers: Managers): Managers {
  const known = new Map<string, Managed>();
  for (const [key, managed] of managers) {
    const shape = tracking.convert(live, managed.apiVersion)?.shape;
    const kept = shape === undefined ? undefined : withSet(managed, reconcileSet(shape, managed.set));
    if (kept !== undefined) known.set(key, kept);
  }
  return known;
}

interface Change {
  readonly old: VersionedObject;
  readonly next: VersionedObject;
  readonly comparison: Comparison;
}

/** Takes what changed from all managers but one, and says what of it they had. */
function takeFromOthers(
  tracking: Tracking,
  change: Change,
  managers: Managers,
  except: string | undefined,
): { readonly managers: Managers; readonly conflicts: readonly Conflict[] } {
  const comparisons = new Map<string, Comparison | undefined>([[change.old.apiVersion, change.comparison]]);
  const left = new Map<string, Managed>();
  const conflicts: Conflict[] = [];
  for (const [key, managed] of [...managers].sort(([a], [b]) => compareTexts(a, b))) {
    if (key === except) {
      if (!managed.set.isEmpty) left.set(key, managed);
      continue;
    }
    const { apiVersion, set } = managed;
    if (!comparisons.has(apiVersion)) comparisons.set(apiVersion, comparisonIn(tracking, change, apiVersion));
    const comparison = comparisons.get(apiVersion);
    if (comparison === undefined) continue;
    const taken = set.intersection(comparison.modified.union(comparison.added));
    for (const path of taken.paths()) conflicts.push({ id: managed.id, path });
    const kept = withSet(managed, set.difference(taken).difference(comparison.removed));
    if (kept !== undefined && !kept.set.isEmpty) left.set(key, kept);
  }
  return { managers: left, conflicts };
}

/** What changed as another version has it; undefined where the kind is not served in it. */
function comparisonIn(tracking: Tracking, { old, next }: Change, apiVersion: string): Comparison | undefined {
  const [left, right] = [tracking.convert(old, apiVersion), tracking.convert(next, apiVersion)];
  if (left === undefined || right === undefined) return undefined;
  return filterComparison(compareObjects(left.shape, left.value, right.value), tracking.filter);
}

/** Removes what the applier had last time, has not now, and nobody else has. */
function prune(
  tracking: Tracking,
  merged: VersionedObject,
  managers: Managers,
  last: Managed | undefined,
  apiVersion: string,
): VersionedObject {
  if (last === undefined || last.set.isEmpty) return merged;
  const before = tracking.convert(merged, last.apiVersion);
  if (before === undefined) return merged;
  const pruned = without(before, withNamedFields(before.shape, last.set));
  const owned = addBackOwned(tracking, before, pruned, last.apiVersion, managers);
  const whole = addBackDangling(tracking, before, owned, last);
  return tracking.convert(whole, apiVersion) ?? merged;
}

function without(object: VersionedObject, remove: PathSet): VersionedObject {
  return { ...object, value: removeItems(object.shape, object.value, remove) };
}

/** Gives back what somebody has. That of the pruned version comes first: fields that went may be needed to convert the object. */
function addBackOwned(
  tracking: Tracking,
  merged: VersionedObject,
  pruned: VersionedObject,
  first: string,
  managers: Managers,
): VersionedObject {
  const owned = new Map<string, PathSet>();
  for (const { apiVersion, set } of managers.values())
    owned.set(apiVersion, (owned.get(apiVersion) ?? PathSet.EMPTY).union(set));
  const versions = [...owned.keys()].sort((a, b) => Number(b === first) - Number(a === first));
  let rest = pruned;
  for (const version of versions) {
    const [whole, part] = [tracking.convert(merged, version), tracking.convert(rest, version)];
    if (whole === undefined || part === undefined) continue;
    const { shape } = whole;
    const has = withNamedFields(shape, fieldSetOf(shape, part.value)).union(
      withNamedFields(shape, owned.get(version) ?? PathSet.EMPTY),
    );
    rest = without(whole, withNamedFields(shape, fieldSetOf(shape, whole.value)).difference(has));
  }
  return rest;
}

/** Gives back what the applier did not have: nobody's, and what updaters left. */
function addBackDangling(
  tracking: Tracking,
  merged: VersionedObject,
  pruned: VersionedObject,
  last: Managed,
): VersionedObject {
  const { shape } = merged;
  const part = tracking.convert(pruned, last.apiVersion);
  if (part === undefined) return merged;
  const left = withNamedFields(shape, fieldSetOf(shape, part.value));
  const all = withNamedFields(shape, fieldSetOf(shape, merged.value));
  return without(merged, all.difference(left).intersection(withNamedFields(shape, last.set)));
}
