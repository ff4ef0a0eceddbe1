import type { StructType } from '../../api/schema/table.ts';
import { equalByType } from '../../api/semantic-equal.ts';
import { timeOf } from '../../api/time.ts';
import type { ManagedFieldsEntry } from '../../api/types/gen/meta-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { EtcdError } from '../../etcd/errors.ts';
import type { Write } from '../apply/field-manager.ts';
import { sameJson } from '../patch/json-value.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { WriteOptions } from './handler-context.ts';

/** Who manages what a write changes, and since when. */
export function managerOf(clock: Clock, { fieldManager, subresource }: WriteOptions): Write {
  return { manager: fieldManager, subresource, now: timeOf(clock.now()) };
}

/** True where etcd takes no more. Managers may be much of an object, and are what can be done without. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof EtcdError && error.fault === 'request-too-large';
}

/** The object with nobody that manages it. */
export function withoutManagers(object: ApiObject): ApiObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/**
 * The object with the times of its managers as they were, where a change of theirs is all that is new: what says the same again is not written again.
 * `type` is the stored type of both.
 */
export function keepManagedTimes(type: StructType, object: ApiObject, old: ApiObject): ApiObject {
  const [now = [], before = []] = [object.metadata.managedFields, old.metadata.managedFields];
  if (now.length === 0 || now.length !== before.length) return object;
  if (now.every((entry, i) => entry.time === before[i]?.time)) return object;
  if (!now.every((entry, i) => sameButTime(entry, before[i]))) return object;
  if (!equalByType(type, withoutManagers(object), withoutManagers(old))) return object;
  return { ...object, metadata: { ...object.metadata, managedFields: before } };
}

function sameButTime(entry: ManagedFieldsEntry, other: ManagedFieldsEntry | undefined): boolean {
  return entry === other || sameJson({ ...entry, time: '' }, { ...other, time: '' });
}
