import { decodeValue } from '../../api/decode/json/decode-json.ts';
import { MAX_ELEMENTS } from '../../api/decode/max-elements.ts';
import { ApiError, badRequestError, unexplainedError } from '../../api/status.ts';
import { errorMessage, GantryError } from '../../base/errors.ts';
import { type ApplyResult, applyObject, KUBECTL } from '../apply/field-manager.ts';
import { withLastApplied } from '../apply/last-applied.ts';
import { managerKey, managerText } from '../apply/managed.ts';
import { compareTexts, type PathElement, pathText } from '../apply/path-element.ts';
import type { Conflict, Conflicts, VersionedObject } from '../apply/updater.ts';
import { shapeProblem } from '../apply/validate.ts';
import { isJsonObject, type JsonObject } from '../patch/json-value.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { AppliedConfig } from './apply-config.ts';
import type { FieldTracker } from './field-tracker.ts';

/** A server-side apply, as far as managers go. */
export interface Applying {
  readonly manager: string;
  readonly subresource: string;
  readonly now: string;
  readonly force: boolean;
}

/**
 * The object with what a config wants of it, and with its managers. `toStored` makes a decoded object one in its stored version with defaults; `old` is
 * undefined for one that is not there. Throws 409 for what others manage, 400 for a config of another kind and, as upstream, 500 for one that does not fit its kind.
 */
export function mergeConfig(
  tracker: FieldTracker,
  old: ApiObject | undefined,
  config: AppliedConfig,
  applying: Applying,
  toStored: (object: ApiObject) => ApiObject,
): ApiObject {
  const value = config.read();
  const live = old === undefined ? tracker.empty : tracker.versioned(old);
  checkConfig(tracker, value, live);
  const objects = { live, config: { ...live, value }, empty: tracker.empty };
  const result = merged(tracker, objects, old, applying);
  if ('conflicts' in result) throw applyConflictError(result.conflicts);
  config.checkDuplicates();
  const object =
    old !== undefined && result.object === undefined ? old : toStored(decoded(tracker, value, result.object));
  const { managedFields: _, ...metadata } = object.metadata;
  const annotations =
    applying.manager === KUBECTL ? withLastApplied(metadata.annotations, value) : metadata.annotations;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(annotations === undefined ? {} : { annotations }),
      ...(result.entries === undefined ? {} : { managedFields: result.entries }),
    },
  };
}

function merged(
  tracker: FieldTracker,
  objects: { readonly live: VersionedObject; readonly config: VersionedObject; readonly empty: VersionedObject },
  old: ApiObject | undefined,
  applying: Applying,
): ApplyResult | Conflicts {
  try {
    return applyObject(tracker, objects, old?.metadata.managedFields, applying);
  } catch (error) {
    throw liveProblem(tracker, objects.live) ?? unexplained(error, '');
  }
}

/** What cannot be told apart in the stored object is why nothing can be applied to it. */
function liveProblem({ kind }: FieldTracker, { shape, value }: VersionedObject): ApiError | undefined {
  const problem = shapeProblem(shape, value, 'allowed');
  if (problem === undefined) return undefined;
  const name = nameText(isJsonObject(value) ? value : {});
  return unexplainedError(
    `failed to create typed live object (${name}; ${kind.group}/${kind.version}, Kind=${kind.kind}): ${problem}`,
  );
}

function checkConfig({ kind }: FieldTracker, config: JsonObject, { shape }: VersionedObject): void {
  const sent = kindText(textAt(config, 'apiVersion'), textAt(config, 'kind'));
  if (sent !== `${kind.group}/${kind.version}, Kind=${kind.kind}`)
    throw badRequestError(`invalid object type: ${sent}`);
  const { metadata } = config;
  if (isJsonObject(metadata) && Array.isArray(metadata['managedFields']))
    throw badRequestError('metadata.managedFields must be nil');
  const problem = shapeProblem(shape, config, 'refused');
  if (problem !== undefined)
    throw unexplainedError(`failed to create typed patch object (${nameText(config)}; ${sent}): ${problem}`);
}

/** As Go prints a kind; what is no version has none. */
function kindText(apiVersion: string, kind: string): string {
  const parts = apiVersion.split('/');
  if (parts.length > 2) return '/, Kind=';
  return parts.length === 2 ? `${parts[0]}/${parts[1]}, Kind=${kind}` : `/${apiVersion}, Kind=${kind}`;
}

function nameText(config: JsonObject): string {
  const metadata = isJsonObject(config['metadata']) ? config['metadata'] : {};
  return `${textAt(metadata, 'namespace')}/${textAt(metadata, 'name')}`;
}

function textAt(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === 'string' ? value : '';
}

/** Throws, as upstream, 500 for values that fit the schema and are none of their type, such as a quantity that cannot be read. */
function decoded({ kind }: FieldTracker, config: JsonObject, value: unknown): ApiObject {
  const type = `${kind.group}/${kind.version}, Kind=${kind.kind}`;
  try {
    return decodeValue(kind.type, value, { maxElements: MAX_ELEMENTS }).object as unknown as ApiObject;
  } catch (error) {
    const because = `unable to convert unstructured object to ${type}: `;
    throw unexplained(
      error,
      `failed to convert new object (${nameText(config)}; ${type}) to proper version: ${because}`,
    );
  }
}

function unexplained(error: unknown, prefix: string): unknown {
  if (error instanceof ApiError || !(error instanceof GantryError) || error.code !== 'invalid-argument') return error;
  return unexplainedError(prefix + errorMessage(error), error);
}

/** 409 that names each field, and who manages it. */
function applyConflictError(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ id, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${managerText(id)}`,
    field: pathText(path),
  }));
  return new ApiError('Conflict', conflictMessage(conflicts), { details: { causes } });
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1)
    return `Apply failed with 1 conflict: conflict with ${managerText(first.id)}: ${pathText(first.path)}`;
  const byManager = new Map<string, { readonly name: string; readonly paths: (readonly PathElement[])[] }>();
  for (const { id, path } of conflicts) {
    const key = managerKey(id);
    const each = byManager.get(key) ?? { name: managerText(id), paths: [] };
    each.paths.push(path);
    byManager.set(key, each);
  }
  const lines = [...byManager]
    .sort(([a], [b]) => compareTexts(a, b))
    .flatMap(([, { name, paths }]) => [`conflicts with ${name}:`, ...paths.map(path => `- ${pathText(path)}`)]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
