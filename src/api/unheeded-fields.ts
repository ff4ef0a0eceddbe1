import { findKind, withDefaults } from './schema/kinds.ts';
import type { Type } from './schema/table.ts';
import { zeroStruct } from './schema/zero.ts';
import { equalByType } from './semantic-equal.ts';

/**
 * What a daemon makes of the fields of its configuration, by their paths: `logging.verbosity`. Keys of maps and values of lists stand in brackets: `kubeReserved[cpu]`. A path stands
 * for all that is below it, too.
 */
export interface FieldUses {
  readonly heeded: readonly string[];
  /** Why the others change nothing; the first reason that names a field is the one. */
  readonly reasons: readonly Reason[];
  /** Values, beside the default, by which a field says what is so anyway. */
  readonly soAnyway: Readonly<Record<string, readonly unknown[]>>;
}

export interface Reason {
  readonly why: string;
  readonly fields: readonly string[];
}

/** What is so of each daemon. */
export const REASONS_OF_ALL: readonly Reason[] = [
  {
    why: 'GANTRY_LOG_LEVEL in the environment says how much is logged',
    fields: ['logging.verbosity', 'logging.vmodule'],
  },
  { why: 'each line is JSON, and written at once', fields: ['logging'] },
  { why: 'nothing here depends on feature gates', fields: ['featureGates'] },
  {
    why: 'there is no /debug/pprof and no /debug/flags',
    fields: ['enableProfiling', 'enableProfilingHandler', 'enableDebugFlagsHandler', 'enableContentionProfiling'],
  },
  { why: 'no metric is hidden', fields: ['showHiddenMetricsForVersion'] },
  { why: 'OOMScoreAdjust= of the unit says it', fields: ['oomScoreAdj'] },
];

export const SO_ANYWAY_OF_ALL: FieldUses['soAnyway'] = {
  'logging.format': ['json'],
  'logging.flushFrequency': [0, 5_000_000_000],
};

/** A field that no reason names yet. */
const NOTHING_SET = 'nothing here is set by it';

/** A line for each field of a decoded configuration that changes nothing, where it says another thing than the default and than what is so anyway. Pure. */
export function unheededLines(
  config: { readonly apiVersion?: string | undefined; readonly kind?: string | undefined },
  uses: FieldUses,
): readonly string[] {
  const kind = findKind(config.apiVersion ?? '', config.kind ?? '');
  if (kind === undefined) return [];
  const byDefault = withDefaults(kind, zeroStruct(kind.type));
  return saidFields({ type: kind.type, value: config, byDefault, path: '' }, uses).map(
    path => `${kind.kind}: ${path} is not heeded: ${reasonOf(path, uses) ?? NOTHING_SET}`,
  );
}

/** Undefined for a field that none names. Pure. */
export function reasonOf(path: string, { reasons }: FieldUses): string | undefined {
  return reasons.find(({ fields }) => isIn(path, fields))?.why;
}

/** Whether a field is one of these, or below one. Pure. */
export function isIn(path: string, fields: readonly string[]): boolean {
  return fields.some(field => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`));
}

interface Place {
  readonly type: Type;
  readonly value: unknown;
  readonly byDefault: unknown;
  readonly path: string;
}

/** The unheeded fields at and below a place that say something. */
function saidFields(place: Place, uses: FieldUses): readonly string[] {
  const { type, value, byDefault, path } = place;
  if (path === 'apiVersion' || path === 'kind' || isIn(path, uses.heeded)) return [];
  const below = placesBelow(place, uses);
  if (below !== undefined) return below.flatMap(each => saidFields(each, uses));
  const same = [byDefault, ...(uses.soAnyway[path] ?? [])];
  return same.some(each => equalByType(type, value, each)) ? [] : [path];
}

/** Undefined where the place is one field: maps and lists are, unless single keys or values of them are heeded. */
function placesBelow({ type, value, byDefault, path }: Place, { heeded }: FieldUses): readonly Place[] | undefined {
  if (type.kind === 'struct')
    return [...type.json].map(([name, field]) => ({
      type: field.type,
      value: valueAt(value, name),
      byDefault: valueAt(byDefault, name),
      path: path === '' ? name : `${path}.${name}`,
    }));
  if (type.kind === 'scalar' || !heeded.some(field => field.startsWith(`${path}[`))) return undefined;
  const told: readonly (readonly [string, unknown])[] = Array.isArray(value)
    ? value.map(each => [String(each), each])
    : Object.entries(value ?? {});
  return told.map(([key, each]) => ({
    type: type.of,
    value: each,
    byDefault: type.kind === 'map' ? valueAt(byDefault, key) : undefined,
    path: `${path}[${key}]`,
  }));
}

function valueAt(object: unknown, name: string): unknown {
  return (object as Readonly<Record<string, unknown>> | undefined | null)?.[name];
}
