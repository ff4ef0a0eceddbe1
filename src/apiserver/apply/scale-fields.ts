import type { ManagedFieldsEntry } from '../../api/types/gen/meta-v1.ts';
import { decodeManagers, encodeManagers, type Managed, type Managers, withSet } from './managed.ts';
import { fieldElement } from './path-element.ts';
import { PathSet } from './path-set.ts';

/** The version in which a scale is written, whatever it is the scale of. */
const SCALE_VERSION = 'autoscaling/v1';
/** The number lies at the same path in a scale and in what it is the scale of. */
const REPLICAS = [fieldElement('spec'), fieldElement('replicas')];
const REPLICAS_SET = PathSet.ofPaths([REPLICAS]);

type Entries = readonly ManagedFieldsEntry[] | undefined;

/** The managers of a scale: those of the object that have its number. `apiVersion` is that of the object. Throws for entries that cannot be read. */
export function scaleEntries(entries: Entries, apiVersion: string): Entries {
  const managers = new Map<string, Managed>();
  for (const [key, { id, set, apiVersion: version, time }] of decodeManagers(entries ?? [], 'storage'))
    if (version === apiVersion && set.has(REPLICAS))
      managers.set(key, { id, set: REPLICAS_SET, apiVersion: SCALE_VERSION, time });
  return encodeManagers(managers);
}

/** The managers of the object after its scale was written: who lost the number there loses it here, and who has it now has it here. */
export function entriesAfterScale(entries: Entries, scale: Entries, apiVersion: string): Entries {
  const before = decodeManagers(entries ?? [], 'storage');
  const owners: Managers = decodeManagers(scale ?? [], 'client');
  const managers = new Map<string, Managed>();
  for (const [key, managed] of before) {
    // upstream drops who speaks in a version that it does not know
    if (managed.apiVersion !== apiVersion) continue;
    const isKept = owners.has(key) || !managed.set.has(REPLICAS);
    const left = isKept ? managed : withSet(managed, managed.set.difference(REPLICAS_SET));
    if (left !== undefined) managers.set(key, left);
  }
  for (const [key, { id, set }] of owners) {
    if (!set.has(REPLICAS) || isOwner(before.get(key), apiVersion)) continue;
    managers.set(key, { id, set: REPLICAS_SET, apiVersion, time: before.get(key)?.time });
  }
  return encodeManagers(managers);
}

function isOwner(managed: Managed | undefined, apiVersion: string): boolean {
  return managed?.apiVersion === apiVersion && managed.set.has(REPLICAS);
}
