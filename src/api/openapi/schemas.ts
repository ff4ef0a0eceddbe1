import { builtinTable } from '../schema/builtin.ts';
import { allResources } from '../schema/resources/registry.ts';
import type { ScalarName } from '../schema/scalars.ts';
import type { Field, StructType, Type } from '../schema/table.ts';

/** A JSON schema in the words of OpenAPI v2 and v3; they agree in all that the table can say. */
export type Schema = Readonly<Record<string, unknown>>;

/** How one document refers to its definitions: `#/definitions/` or `#/components/schemas/`. */
export type RefPrefix = '#/definitions/' | '#/components/schemas/';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** The scalars that upstream defines under a name. */
const NAMED: Partial<Record<ScalarName, { readonly name: string; readonly schema: Schema }>> = {
  Quantity: { name: 'io.k8s.apimachinery.pkg.api.resource.Quantity', schema: { type: 'string' } },
  IntOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: { type: 'string', format: 'int-or-string' },
  },
  Time: { name: `${META}Time`, schema: { type: 'string', format: 'date-time' } },
  MicroTime: { name: `${META}MicroTime`, schema: { type: 'string', format: 'date-time' } },
  Duration: { name: `${META}Duration`, schema: { type: 'string' } },
  RawJson: { name: 'io.k8s.apimachinery.pkg.runtime.RawExtension', schema: { type: 'object' } },
};
const FIELDS_V1 = { name: `${META}FieldsV1`, schema: { type: 'object' } };

/** What a patch body is to OpenAPI. */
export const PATCH_SCHEMA = { name: `${META}Patch`, schema: { type: 'object' } };

/** What `/version` answers; it is no part of the Go packages of the table. */
export const VERSION_SCHEMA = {
  name: 'io.k8s.apimachinery.pkg.version.Info',
  schema: {
    type: 'object',
    required: [
      'major',
      'minor',
      'gitVersion',
      'gitCommit',
      'gitTreeState',
      'buildDate',
      'goVersion',
      'compiler',
      'platform',
    ],
    properties: Object.fromEntries(
      [
        'buildDate',
        'compiler',
        'emulationMajor',
        'emulationMinor',
        'gitCommit',
        'gitTreeState',
        'gitVersion',
        'goVersion',
        'major',
        'minCompatibilityMajor',
        'minCompatibilityMinor',
        'minor',
        'platform',
      ].map(name => [name, { type: 'string' }]),
    ),
  },
};

/** `io.k8s.api.core.v1.Pod` of `core/v1.Pod`. */
export function schemaName(type: StructType): string {
  return `${type.package.goPath.replace(/^k8s\.io/, 'io.k8s').replaceAll('/', '.')}.${type.name}`;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly kind: string;
  readonly version: string;
}

/** Collects the definitions that a document needs, each once. */
export class Definitions {
  readonly #prefix: RefPrefix;
  readonly #found = new Map<string, Schema>();
  readonly #waiting: StructType[] = [];
  readonly #kinds = kindsByType();

  constructor(prefix: RefPrefix) {
    this.#prefix = prefix;
  }

  /** A reference to a type of the table. Its definition, and what that needs, comes into the document. */
  refTo(typeId: string): Schema {
    return this.#ref(builtinTable.struct(typeId));
  }

  /** A reference to a schema of its own. */
  refNamed(named: { readonly name: string; readonly schema: Schema }): Schema {
    this.#found.set(named.name, named.schema);
    return { $ref: this.#prefix + named.name };
  }

  /** Works off some of what was referred to so far. True where there is more, so that no call takes long. */
  settle(limit: number): boolean {
    for (let count = 0; count < limit; count++) {
      const type = this.#waiting.pop();
      if (type === undefined) return false;
      this.#found.set(schemaName(type), this.#struct(type));
    }
    return this.#waiting.length > 0;
  }

  /** All definitions by name. */
  all(): Record<string, Schema> {
    while (this.settle(Number.POSITIVE_INFINITY));
    return Object.fromEntries([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #ref(type: StructType): Schema {
    const name = schemaName(type);
    if (!this.#found.has(name)) {
      this.#found.set(name, {});
      this.#waiting.push(type);
    }
    return { $ref: this.#prefix + name };
  }

  #struct(type: StructType): Schema {
    const fields = [...type.json.values()];
    const required = fields.filter(isRequired).map(field => field.name);
    const kinds = this.#kinds.get(type.id);
    return {
      type: 'object',
      ...(required.length === 0 ? {} : { required }),
      ...(fields.length === 0
        ? {}
        : { properties: Object.fromEntries(fields.map(field => [field.name, this.#field(field, type)])) }),
      ...(kinds === undefined ? {} : { 'x-kubernetes-group-version-kind': kinds }),
      ...(type.structType === undefined ? {} : { 'x-kubernetes-map-type': type.structType }),
    };
  }

  #field(field: Field, holder: StructType): Schema {
    const schema =
      holder.id === 'meta/v1.ManagedFieldsEntry' && field.name === 'fieldsV1'
        ? this.refNamed(FIELDS_V1)
        : this.#type(field.type);
    const mapType = field.mapType ?? field.structType;
    return {
      ...schema,
      ...(field.listType === undefined ? {} : { 'x-kubernetes-list-type': field.listType }),
      ...(field.listMapKeys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': field.listMapKeys }),
      ...(mapType === undefined ? {} : { 'x-kubernetes-map-type': mapType }),
      ...(field.patchStrategies.length === 0 ? {} : { 'x-kubernetes-patch-strategy': field.patchStrategies.join(',') }),
      ...(field.patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.patchMergeKey }),
    };
  }

  #type(type: Type): Schema {
    switch (type.kind) {
      case 'struct':
        return this.#ref(type);
      case 'list':
        return { type: 'array', items: this.#type(type.of) };
      case 'map':
        return { type: 'object', additionalProperties: this.#type(type.of) };
      case 'scalar':
        return {
          ...this.#scalar(type.scalar),
          ...(type.enumValues === undefined ? {} : { enum: type.enumValues.toSorted() }),
        };
    }
  }

  #scalar(scalar: ScalarName): Schema {
    const named = NAMED[scalar];
    if (named !== undefined) return this.refNamed(named);
    switch (scalar) {
      case 'string':
        return { type: 'string' };
      case 'bytes':
        return { type: 'string', format: 'byte' };
      case 'bool':
        return { type: 'boolean' };
      case 'float64':
        return { type: 'number', format: 'double' };
      case 'int32':
        return { type: 'integer', format: 'int32' };
      case 'int64':
      case 'uint32':
        return { type: 'integer', format: 'int64' };
      default:
        return {};
    }
  }
}

/** Upstream takes a field for required unless its JSON may lack it. */
function isRequired(field: Field): boolean {
  return field.required || (!field.omitEmpty && !field.optional);
}

/** Kinds of meta/v1 that belong to every group. */
const SHARED_KINDS = ['DeleteOptions', 'WatchEvent'];
const META_KINDS = ['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions', 'Status'];

function kindsByType(): Map<string, GroupVersionKind[]> {
  const kinds = new Map<string, GroupVersionKind[]>();
  const versions = new Map<string, { group: string; version: string }>();
  const add = (typeId: string, kind: GroupVersionKind): void => {
    const list = kinds.get(typeId) ?? [];
    if (!list.some(k => k.group === kind.group && k.version === kind.version)) list.push(kind);
    kinds.set(typeId, list);
  };
  for (const { group, version, kind, listKind, package: id, subresources } of allResources()) {
    versions.set(`${group}/${version}`, { group, version });
    add(`${id}.${kind}`, { group, kind, version });
    if (listKind !== '') add(`${id}.${listKind}`, { group, kind: listKind, version });
    for (const sub of subresources)
      add(`${sub.package}.${sub.kind}`, { group: sub.group, kind: sub.kind, version: sub.version });
  }
  for (const kind of META_KINDS) add(`meta/v1.${kind}`, { group: '', kind, version: 'v1' });
  for (const kind of SHARED_KINDS)
    for (const { group, version } of versions.values()) add(`meta/v1.${kind}`, { group, kind, version });
  return kinds;
}
