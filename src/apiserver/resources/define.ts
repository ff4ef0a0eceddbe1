import { findResource, resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { equalByType, equalValues } from '../../api/semantic-equal.ts';
import type { ObjectMeta } from '../../api/types/gen/meta-v1.ts';
import type { FieldError } from '../../api/validation/field-error.ts';
import { dns1123Subdomain, pathSegmentName } from '../../api/validation/names.ts';
import { validateFinalizerNames, validateObjectMeta } from '../../api/validation/object-meta.ts';
import { validateObjectMetaUpdate } from '../../api/validation/object-meta-update.ts';
import { column, NAME, since } from './cells.ts';
import type { ApiObject, Columns, ResourceStrategy, StrategyContext, UpdateRules } from './strategy.ts';

/** What is special about a kind; everything left out is the common rule. */
export interface KindRules<T extends ApiObject> {
  /** The format of its names; DNS subdomains where nothing is said. */
  readonly names?: (name: string) => string[];
  /** The top-level fields whose change raises metadata.generation; absent: generation is not kept. */
  readonly generation?: readonly (keyof T & string)[];
  /** True where changed annotations raise the generation too. */
  readonly countsAnnotations?: boolean;
  /** True where changed labels do. */
  readonly countsLabels?: boolean;
  readonly prepareForCreate?: (object: T, context: StrategyContext) => T;
  readonly prepareForUpdate?: (object: T, old: T, context: StrategyContext) => T;
  /** The rules of a created object, and of a changed one unless validateUpdate is there. */
  readonly validate?: (object: T, context: StrategyContext) => FieldError[];
  /** The rules of a change, all but metadata's. */
  readonly validateUpdate?: (object: T, old: T, context: StrategyContext) => FieldError[];
  /** What a new object's status is; nothing where the field is simply empty. */
  readonly initialStatus?: (object: T) => unknown;
  readonly validateStatus?: (object: T, old: T, context: StrategyContext) => FieldError[];
  readonly prepareStatus?: (object: T, old: T, context: StrategyContext) => T;
  readonly canonicalize?: (object: T) => T;
  readonly warnings?: (object: T) => string[];
  /** Where a change is told something else than a new object. */
  readonly warningsOnUpdate?: (object: T, old: T) => string[];
  readonly warningsOnStatus?: (object: T, old: T) => string[];
  /** True where a finalizer without a domain may have any name, and a new object's metadata is looked at if all else is right: events. */
  readonly metadataLast?: boolean;
  /** What a write of the object never changes, where it is not just the status. */
  readonly fieldResets?: readonly string[];
  /** What a write of the status never changes, where it is not just the spec. */
  readonly statusFieldResets?: readonly string[];
  readonly columns?: Columns<T>;
  /** Beside metadata.name and metadata.namespace. */
  readonly fields?: (object: T) => Readonly<Record<string, string>>;
  readonly subresources?: Readonly<Record<string, Partial<UpdateRules<T>>>>;
  /** Where it is not 'delete'. */
  readonly dependents?: 'orphan' | 'none';
  readonly orphanWarning?: string;
  readonly createOnUpdate?: boolean;
  /** True for most kinds. */
  readonly unconditionalUpdate?: boolean;
}

const DEFAULT_COLUMNS: Columns<ApiObject> = {
  definitions: [NAME, column('Created At', { type: 'date', description: 'When the server created the object.' })],
  cells: object => [object.metadata.name ?? '', object.metadata.creationTimestamp ?? null],
};

/** The strategy of a resource of the registry: the common rules, and what `rules` says beside them. */
export function defineStrategy<T extends ApiObject>(
  id: { readonly group: string; readonly version: string; readonly plural: string },
  rules: KindRules<T> = {},
): ResourceStrategy<T> {
  const resource = findResource(id.group, id.version, id.plural);
  if (resource === undefined)
    throw new Error(`resource ${id.plural} of ${id.group}/${id.version} is not in the registry`);
  return strategyOf(resource, rules);
}

/** The strategy of a resource that has no rules of its own. */
export function strategyOf<T extends ApiObject>(resource: ApiResource, rules: KindRules<T> = {}): ResourceStrategy<T> {
  const hasStatus = resource.subresources.some(sub => sub.name === 'status');
  const metaOptions = { namespaced: resource.scope === 'namespaced', nameReasons: rules.names ?? dns1123Subdomain };
  const validate = rules.validate ?? (() => []);
  const validateChange =
    rules.validateUpdate ?? ((object: T, _old: T, context: StrategyContext) => validate(object, context));
  const finalizerErrors = (object: T): FieldError[] =>
    rules.metadataLast === true ? [] : validateFinalizerNames(object.metadata, 'metadata');
  // A name cannot change, so its format is no matter here: what was stored once may stay.
  const stored = { ...metaOptions, nameReasons: pathSegmentName };
  const metadataErrors = (object: T, old: T): FieldError[] => [
    ...validateObjectMeta(object.metadata, stored),
    ...validateObjectMetaUpdate(object.metadata, old.metadata),
    ...finalizerErrors(object),
  ];
  const emptyStatus = (object: T): T => {
    if (!hasStatus) return object;
    return { ...object, status: rules.initialStatus?.(object) ?? {} };
  };
  const main: UpdateRules<T> = {
    prepareForUpdate(object, old, context) {
      const kept = { ...object, metadata: keptMetadata(object.metadata, old.metadata) };
      const prepared = withFieldsOf(kept, old, hasStatus ? ['status'] : []);
      return nextGeneration(resource, rules, rules.prepareForUpdate?.(prepared, old, context) ?? prepared, old);
    },
    validateUpdate: (object, old, context) => [...metadataErrors(object, old), ...validateChange(object, old, context)],
    warningsOnUpdate: (object, old) => (rules.warningsOnUpdate ?? rules.warnings)?.(object, old) ?? [],
    fieldResets: rules.fieldResets ?? (hasStatus ? ['status'] : []),
  };
  const status: UpdateRules<T> = {
    prepareForUpdate(object, old, context) {
      const fields = Object.keys({ ...object, ...old }).filter(name => name !== 'status' && name !== 'metadata');
      const metadata = keptMetadata(object.metadata, old.metadata);
      const prepared = withFieldsOf({ ...object, metadata }, old, fields);
      return rules.prepareStatus?.(prepared, old, context) ?? prepared;
    },
    validateUpdate: (object, old, context) => [
      ...metadataErrors(object, old),
      ...(rules.validateStatus?.(object, old, context) ?? []),
    ],
    warningsOnUpdate: (object, old) => rules.warningsOnStatus?.(object, old) ?? [],
    fieldResets: rules.statusFieldResets ?? ['spec'],
  };
  const subresources = new Map<string, UpdateRules<T>>(hasStatus ? [['status', status]] : []);
  for (const [name, special] of Object.entries(rules.subresources ?? {})) {
    const common = name === 'status' ? status : main;
    subresources.set(name, {
      ...common,
      fieldResets: [],
      warningsOnUpdate: () => [],
      ...special,
      prepareForUpdate(object, old, context) {
        const { prepareForUpdate } = special;
        if (prepareForUpdate === undefined) return common.prepareForUpdate(object, old, context);
        const metadata = keptMetadata(object.metadata, old.metadata);
        return prepareForUpdate({ ...object, metadata }, old, context);
      },
      validateUpdate: (object, old, context) => [
        ...metadataErrors(object, old),
        ...(special.validateUpdate?.(object, old, context) ?? []),
      ],
    });
  }
  return {
    ...main,
    resource,
    prepareForCreate(object, context) {
      const metadata = createdMetadata(object.metadata, context);
      const clean = emptyStatus({ ...object, metadata });
      const prepared = rules.prepareForCreate?.(clean, context) ?? clean;
      return rules.generation === undefined
        ? prepared
        : { ...prepared, metadata: { ...prepared.metadata, generation: 1 } };
    },
    validate(object, context) {
      const errors = validate(object, context);
      if (rules.metadataLast === true && errors.length > 0) return errors;
      return [...validateObjectMeta(object.metadata, metaOptions), ...finalizerErrors(object), ...errors];
    },
    canonicalize: object => rules.canonicalize?.(object) ?? object,
    warnings: object => rules.warnings?.(object) ?? [],
    columns: rules.columns ?? DEFAULT_COLUMNS,
    selectableFields: object =>
      new Map([
        ['metadata.name', object.metadata.name ?? ''],
        ...(resource.scope === 'namespaced'
          ? ([['metadata.namespace', object.metadata.namespace ?? '']] as const)
          : ([] as const)),
        ...Object.entries(rules.fields?.(object) ?? {}),
      ]),
    subresources,
    dependents: rules.dependents ?? 'delete',
    orphanWarning: rules.orphanWarning,
    createOnUpdate: rules.createOnUpdate ?? false,
    unconditionalUpdate: rules.unconditionalUpdate ?? true,
  };
}

/** The age of an object as a cell. */
export function ageCell(object: ApiObject, now: number): string {
  return since(object.metadata.creationTimestamp, now);
}

function createdMetadata(metadata: ObjectMeta, context: StrategyContext): ObjectMeta {
  const { selfLink, deletionTimestamp, deletionGracePeriodSeconds, ...kept } = metadata;
  return { ...kept, uid: context.newUid(), creationTimestamp: context.now };
}

/** What a writer need not repeat and cannot take away: identity, creation, and the deletion that is under way. */
function keptMetadata(metadata: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const uid = metadata.uid === undefined || metadata.uid === '' ? old.uid : metadata.uid;
  const grace = metadata.deletionGracePeriodSeconds ?? old.deletionGracePeriodSeconds;
  return {
    ...metadata,
    selfLink: undefined,
    uid,
    generation: old.generation,
    creationTimestamp: old.creationTimestamp ?? metadata.creationTimestamp,
    ...(old.deletionTimestamp === undefined ? {} : { deletionTimestamp: old.deletionTimestamp }),
    ...(grace === undefined ? {} : { deletionGracePeriodSeconds: grace }),
  };
}

/** `object` with some of its fields as `old` has them. */
function withFieldsOf<T extends object>(object: T, old: T, fields: readonly string[]): T {
  const from = new Map(Object.entries(old));
  return { ...object, ...Object.fromEntries(fields.map(field => [field, from.get(field)])) };
}

function nextGeneration<T extends ApiObject>(resource: ApiResource, rules: KindRules<T>, object: T, old: T): T {
  if (rules.generation === undefined) return object;
  const { json } = resourceType(resource);
  const { metadata } = object;
  const changed =
    (rules.countsAnnotations === true && !equalValues(metadata.annotations, old.metadata.annotations)) ||
    (rules.countsLabels === true && !equalValues(metadata.labels, old.metadata.labels)) ||
    rules.generation.some(name => {
      const field = json.get(name);
      return field !== undefined && !equalByType(field.type, object[name], old[name]);
    });
  return changed
    ? { ...object, metadata: { ...object.metadata, generation: (old.metadata.generation ?? 0) + 1 } }
    : object;
}
