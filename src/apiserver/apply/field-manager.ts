import type { ManagedFieldsEntry } from '../../api/types/gen/meta-v1.ts';
import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { capUpdaters } from './cap-updaters.ts';
import { allowedByLastApplied } from './last-applied.ts';
import { decodeManagers, encodeManagers, type Managed, type ManagerId, type Managers, managerKey } from './managed.ts';
import { fieldElement } from './path-element.ts';
import { PathSet } from './path-set.ts';
import {
  applyConfig,
  type Conflict,
  type Conflicts,
  type Tracking,
  updateManagers,
  type VersionedObject,
} from './updater.ts';

/** A write, as far as managers go. */
export interface Write {
  /** The name under which it is done; empty is `unknown`. */
  readonly manager: string;
  readonly subresource: string;
  /** RFC 3339, with seconds. */
  readonly now: string;
}

type Entries = readonly ManagedFieldsEntry[] | undefined;

const NOBODY: Managers = new Map();
const BEFORE_FIRST_APPLY = 'before-first-apply';
/** The manager whose name kubectl applies under: only it inherits what client-side apply has set. */
export const KUBECTL = 'kubectl';

/** What is nobody's: identity, and what the server keeps itself. */
const STRIPPED = PathSet.ofPaths([
  ...['apiVersion', 'kind', 'metadata'].map(name => [fieldElement(name)]),
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map(name => [fieldElement('metadata'), fieldElement(name)]),
]);

/**
 * The managers that an update starts from: what the client sent where it says something, else what is stored; nobody where it sent `[]` or `[{}]`. A
 * subresource cannot set them. Entries that cannot be read count as none.
 */
export function managersBefore(stored: Entries, sent: Entries, subresource: string): Managers {
  if (subresource === '' && sent !== undefined) {
    if (isReset(sent)) return NOBODY;
    const read = tryDecode(sent, 'client');
    if (read !== undefined && read.size > 0) return read;
  }
  return tryDecode(stored ?? [], 'storage') ?? NOBODY;
}

function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  const [first] = entries;
  if (first === undefined) return true;
  return entries.length === 1 && Object.values(first).every(value => value === undefined || value === '');
}

function tryDecode(entries: readonly ManagedFieldsEntry[], from: 'storage' | 'client'): Managers | undefined {
  try {
    return decodeManagers(entries, from);
  } catch {
    return undefined;
  }
}

/**
 * The entries of an object after it was created, updated or patched from `old` to `next`. An object that nobody managed before is left so until it is
 * applied, `isNew` apart. Undefined for none.
 */
export function trackUpdate(
  tracking: Tracking,
  objects: { readonly old: VersionedObject; readonly next: VersionedObject; readonly isNew: boolean },
  before: Managers,
  write: Write,
): readonly ManagedFieldsEntry[] | undefined {
  if (before.size === 0 && !objects.isNew) return undefined;
  return encodeManagers(updated(tracking, objects, before, write));
}

function updated(
  tracking: Tracking,
  { old, next }: { readonly old: VersionedObject; readonly next: VersionedObject },
  before: Managers,
  { manager, subresource, now }: Write,
): Managers {
  const { managers, changed } = updateManagers(tracking, old, next, before);
  const own = changed.difference(STRIPPED);
  if (own.isEmpty) return capUpdaters(managers);
  const { apiVersion } = next;
  const id: ManagerId = { manager: manager || 'unknown', operation: 'Update', apiVersion, subresource };
  const key = managerKey(id);
  const set = own.union(managers.get(key)?.set ?? PathSet.EMPTY);
  // mostly what it had already: then its text is known
  const known = before.get(key)?.set;
  const same = known?.equals(set) === true ? known : set;
  return capUpdaters(new Map(managers).set(key, { id, set: same, apiVersion, time: now }));
}

export interface ApplyResult {
  readonly entries: readonly ManagedFieldsEntry[] | undefined;
  /** The merged object, without defaults; undefined where it is the one that was there. */
  readonly object: unknown;
}

/**
 * What a server-side apply makes of an object, or the conflicts that keep it from doing so. `empty` is an object without anything, from which one that
 * nobody managed so far has come by updates. Throws for stored entries that cannot be read.
 */
export function applyObject(
  tracking: Tracking,
  objects: { readonly live: VersionedObject; readonly config: VersionedObject; readonly empty: VersionedObject },
  stored: Entries,
  write: Write & { readonly force: boolean },
): ApplyResult | Conflicts {
  const { live, config, empty } = objects;
  const { subresource, now, force } = write;
  const read = decodeStored(stored ?? []);
  const before =
    read.size > 0
      ? read
      : updated(tracking, { old: empty, next: live }, NOBODY, { manager: BEFORE_FIRST_APPLY, subresource, now });
  const id: ManagerId = { manager: write.manager || 'unknown', operation: 'Apply', apiVersion: '', subresource };
  const apply = (taking: boolean) =>
    applyConfig(tracking, live, config, before, { id, apiVersion: config.apiVersion }, taking);
  let applied = apply(force);
  if ('conflicts' in applied && write.manager === KUBECTL) {
    const left = conflictsLeft(applied.conflicts, live);
    if (left.length > 0) return { conflicts: left };
    applied = apply(true);
  }
  if ('conflicts' in applied) return applied;
  const managers = new Map(applied.managers);
  const key = managerKey(id);
  const own = managers.get(key);
  const settled = own === undefined ? undefined : settledApplier(own, read.get(key), applied.object !== undefined, now);
  if (settled === undefined) managers.delete(key);
  else managers.set(key, settled);
  return { entries: encodeManagers(managers), object: applied.object };
}

function decodeStored(entries: readonly ManagedFieldsEntry[]): Managers {
  try {
    return decodeManagers(entries, 'storage');
  } catch (error) {
    throw invalidArgument(`failed to decode managed fields: ${errorMessage(error)}`);
  }
}

/** The applier's entry as it is stored: where the object did not change, its time stays. */
function settledApplier(own: Managed, last: Managed | undefined, changed: boolean, now: string): Managed | undefined {
  const set = own.set.difference(STRIPPED);
  if (set.isEmpty) return undefined;
  return { ...own, set, time: changed ? now : last?.time };
}

/** Without the conflicts about fields that client-side apply set as they are now. */
function conflictsLeft(conflicts: readonly Conflict[], live: VersionedObject): readonly Conflict[] {
  const allowed = allowedByLastApplied(live);
  return allowed === undefined ? conflicts : conflicts.filter(({ path }) => !allowed.has(path));
}
