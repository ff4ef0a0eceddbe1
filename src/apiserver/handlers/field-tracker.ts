import { conversionOf } from '../../api/conversion/conversions.ts';
import { decodeValue } from '../../api/decode/json/decode-json.ts';
import { encodeObject } from '../../api/encode/encode-object.ts';
import { apiVersionOf } from '../../api/schema/kinds.ts';
import { allResources, resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { StructType } from '../../api/schema/table.ts';
import { zeroStruct } from '../../api/schema/zero.ts';
import type { ManagedFieldsEntry } from '../../api/types/gen/meta-v1.ts';
import { invalidArgument } from '../../base/errors.ts';
import { managersBefore, trackUpdate, type Write } from '../apply/field-manager.ts';
import type { PathSet } from '../apply/path-set.ts';
import { type FieldResets, resetFilter } from '../apply/resets.ts';
import { shapeOf } from '../apply/shape.ts';
import type { Tracking, VersionedObject } from '../apply/updater.ts';
import { shapeProblem } from '../apply/validate.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { differing } from './differing.ts';

/** What is tracked: a kind as one version has it. */
export interface TrackedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly type: StructType;
  /** Its resource, where objects of the kind are stored, and may be managed in other versions. */
  readonly resource?: ApiResource;
}

export function trackedKind(resource: ApiResource): TrackedKind {
  const { group, version, kind } = resource;
  return { group, version, kind, type: resourceType(resource), resource };
}

type Plain = Readonly<Record<string, unknown>>;

/** True for a kind that is served in one version: of others a part may come from any field. */
function isAlone({ kind, resource }: TrackedKind): boolean {
  const { storage } = resource ?? {};
  return allResources().filter(row => row.kind === kind && row.storage?.prefix === storage?.prefix).length <= 1;
}

/** Tracks who manages the fields of a kind's objects, for one version in which they are written and one way to write. */
export class FieldTracker implements Tracking {
  readonly kind: TrackedKind;
  readonly apiVersion: string;
  readonly filter: (set: PathSet) => PathSet;
  /** An object without anything. */
  readonly empty: VersionedObject;
  /** Whole fields of the object that this way of writing never changes: not even looked at. */
  readonly #untouched: readonly string[];
  readonly #isAlone: boolean;

  constructor(kind: TrackedKind, resets: FieldResets) {
    this.kind = kind;
    this.apiVersion = apiVersionOf(kind);
    this.filter = resetFilter(resets);
    this.#isAlone = isAlone(kind);
    this.#untouched = this.#isAlone ? resets.fieldResets.filter(path => !/\.|^metadata$/.test(path)) : [];
    this.empty = this.#versioned(encodeObject(kind.type, zeroStruct(kind.type)));
  }

  /** A stored object as this version has it. Its own managedFields are left out: they are nobody's. */
  versioned(object: ApiObject): VersionedObject {
    const { managedFields: _, ...metadata } = object.metadata;
    return this.#versioned(encodeObject(this.kind.type, this.#fromStored({ ...object, metadata })));
  }

  /**
   * `next` with its managers, after it was made from `old` or newly; both in the stored version. What cannot be tracked is nobody's any more, but is
   * written all the same.
   */
  track(old: ApiObject | undefined, next: ApiObject, write: Write): ApiObject {
    const { managedFields: sent, ...metadata } = next.metadata;
    const managedFields = this.#entries(old, next, sent, write);
    return { ...next, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } };
  }

  convert(object: VersionedObject, apiVersion: string): VersionedObject | undefined {
    if (object.apiVersion === apiVersion) return object;
    if (apiVersion.split('/').length > 2) throw invalidArgument(`unexpected GroupVersion string: ${apiVersion}`);
    const [from, to] = [this.#row(object.apiVersion), this.#row(apiVersion)];
    if (from === undefined || to === undefined) return undefined;
    const { object: decoded } = decodeValue(resourceType(from), object.value);
    const stored = conversionOf(from)?.toStored(decoded) ?? decoded;
    const converted = conversionOf(to)?.fromStored(stored) ?? stored;
    const type = resourceType(to);
    const [shape, value] = [shapeOf(type), encodeObject(type, converted)];
    // as upstream: what stands twice is allowed in what is written, and not in another version of it
    const problem = shapeProblem(shape, value, 'refused');
    if (problem !== undefined) throw invalidArgument(problem);
    return { apiVersion, shape, value };
  }

  #entries(
    old: ApiObject | undefined,
    next: ApiObject,
    sent: readonly ManagedFieldsEntry[] | undefined,
    write: Write,
  ): readonly ManagedFieldsEntry[] | undefined {
    try {
      const before = managersBefore(old?.metadata.managedFields, sent, write.subresource);
      const objects = { ...this.#compared(old, next), isNew: old === undefined };
      return trackUpdate(this, objects, before, write);
    } catch {
      return undefined;
    }
  }

  /** What of two objects has to be compared: not what this way of writing never changes, nor what is plainly the same. */
  #compared(
    old: ApiObject | undefined,
    next: ApiObject,
  ): { readonly old: VersionedObject; readonly next: VersionedObject } {
    const touched = (object: ApiObject): Plain =>
      Object.fromEntries(Object.entries(object).filter(([name]) => !this.#untouched.includes(name)));
    if (old === undefined) return { old: this.empty, next: this.#plain(touched(next)) };
    if (!this.#isAlone) return { old: this.versioned(old), next: this.versioned(next) };
    const [left, right] = differing(this.kind.type, touched(old), touched(next));
    return { old: this.#plain(left), next: this.#plain(right) };
  }

  #plain(object: Plain): VersionedObject {
    return this.versioned({ metadata: {}, ...object } as unknown as ApiObject);
  }

  #fromStored(object: object): object {
    const { resource } = this.kind;
    const conversion = resource === undefined ? undefined : conversionOf(resource);
    return conversion === undefined ? object : conversion.fromStored(object);
  }

  /** The row of a version of the kind that is stored as this one. */
  #row(apiVersion: string): ApiResource | undefined {
    const { kind, resource } = this.kind;
    if (resource === undefined) return undefined;
    return allResources().find(
      row =>
        row.kind === kind &&
        apiVersionOf(row) === apiVersion &&
        row.storage?.group === resource.storage?.group &&
        row.storage?.version === resource.storage?.version,
    );
  }

  #versioned(value: Record<string, unknown>): VersionedObject {
    const { apiVersion, kind } = this;
    return { apiVersion, shape: shapeOf(kind.type), value: { ...value, kind: kind.kind, apiVersion } };
  }
}
