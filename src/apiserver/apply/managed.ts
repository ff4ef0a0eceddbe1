import { goQuote } from '../../api/go-quote.ts';
import type { ManagedFieldsEntry } from '../../api/types/gen/meta-v1.ts';
import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { fieldsOf, parseFields } from './fields-v1.ts';
import { goJson } from './go-json.ts';
import { compareTexts } from './path-element.ts';
import type { PathSet } from './path-set.ts';

/** Who manages fields: a name with the operation, the subresource and, for updates, the version that it came through. */
export interface ManagerId {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  /** Empty for appliers, who are the same in every version. */
  readonly apiVersion: string;
  readonly subresource: string;
}

/** What one manager has. */
export interface Managed {
  readonly id: ManagerId;
  readonly set: PathSet;
  /** The version whose fields the set names. */
  readonly apiVersion: string;
  /** When that changed last; undefined where it was never said. */
  readonly time: string | undefined;
  /** The stored entry, as long as it says the same. */
  readonly entry?: ManagedFieldsEntry;
}

/** All managers of an object by the text of their id. */
export type Managers = ReadonlyMap<string, Managed>;

/** What tells managers apart, which is also their order in messages. */
export function managerKey({ manager, operation, apiVersion, subresource }: ManagerId): string {
  const members = [
    ...(manager === '' ? [] : [`"manager":${goJson(manager)}`]),
    `"operation":"${operation}"`,
    ...(apiVersion === '' ? [] : [`"apiVersion":${goJson(apiVersion)}`]),
    ...(subresource === '' ? [] : [`"subresource":${goJson(subresource)}`]),
  ];
  return `{${members.join(',')}}`;
}

/**
 * The managers of an object's entries. Those that are stored are in order and are kept as they are while their set does not change; what a client sent is
 * written anew. Throws upstream's sentence for what is none.
 */
export function decodeManagers(entries: readonly ManagedFieldsEntry[], from: 'storage' | 'client'): Managers {
  const managers = new Map<string, Managed>();
  for (const [i, entry] of entries.entries()) {
    const { manager = '', apiVersion = '', subresource = '', fieldsType = '', time } = entry;
    const operation = operationOf(entry);
    if (apiVersion === '') throw invalidArgument('apiVersion must not be empty');
    if (fieldsType === '') throw invalidArgument(`missing fieldsType in managed fields entry ${i}`);
    if (fieldsType !== 'FieldsV1')
      throw invalidArgument(`invalid fieldsType ${goQuote(fieldsType)} in managed fields entry ${i}`);
    const id = { manager, operation, apiVersion: operation === 'Apply' ? '' : apiVersion, subresource };
    const set = setOf(entry);
    managers.set(managerKey(id), { id, set, apiVersion, time, ...(from === 'storage' ? { entry } : {}) });
  }
  return managers;
}

function operationOf({ operation }: ManagedFieldsEntry): ManagerId['operation'] {
  if (operation === 'Apply' || operation === 'Update') return operation;
  throw invalidArgument('operation must be `Apply` or `Update`');
}

function setOf({ fieldsV1 }: ManagedFieldsEntry): PathSet {
  try {
    return parseFields(fieldsV1 ?? {});
  } catch (error) {
    throw invalidArgument(`error decoding set: ${errorMessage(error)}`);
  }
}

/** The entries to store: appliers before updaters, the oldest first. Undefined where nobody manages anything. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()].sort(compareManagers).map(entryOf);
}

function entryOf({ id, set, apiVersion, time, entry }: Managed): ManagedFieldsEntry {
  if (entry !== undefined) return entry;
  return {
    ...(id.manager === '' ? {} : { manager: id.manager }),
    operation: id.operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsOf(set),
    ...(id.subresource === '' ? {} : { subresource: id.subresource }),
  };
}

function compareManagers(a: Managed, b: Managed): number {
  return (
    compareTexts(a.id.operation, b.id.operation) ||
    secondsOf(a.time) - secondsOf(b.time) ||
    compareTexts(a.id.manager, b.id.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.id.subresource, b.id.subresource)
  );
}

/** Seconds since the epoch; 0 where none is said. */
export function secondsOf(time: string | undefined): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
}

/** The manager as messages name it: `"kubectl" using apps/v1`. */
export function managerText({ manager, operation, apiVersion, subresource }: ManagerId): string {
  const name = goQuote(manager) + (subresource === '' ? '' : ` with subresource ${goQuote(subresource)}`);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/** The same manager with another set; undefined where it has nothing any more. */
export function withSet(managed: Managed, set: PathSet): Managed | undefined {
  if (set === managed.set) return managed;
  if (set.isEmpty) return undefined;
  const { entry: _, ...rest } = managed;
  return { ...rest, set };
}
