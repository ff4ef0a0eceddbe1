import { isJsonObject, type JsonObject } from '../patch/json-value.ts';
import { compareObjects } from './compare.ts';
import { fieldSetOf } from './field-set.ts';
import { goJson } from './go-json.ts';
import type { PathSet } from './path-set.ts';
import type { VersionedObject } from './updater.ts';
import { shapeProblem } from './validate.ts';
import { member } from './walk.ts';

/** Where client-side apply keeps what it sent. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Upstream's limit of all annotations of an object together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

/** The fields that client-side apply has set and that are still as it set them; undefined where it was never used, or in another version. */
export function allowedByLastApplied({ apiVersion, shape, value }: VersionedObject): PathSet | undefined {
  const text = member(annotationsOf(value), LAST_APPLIED);
  if (typeof text !== 'string' || text === '' || shapeProblem(shape, value, 'refused') !== undefined) return undefined;
  const last = parsed(text);
  if (last === undefined || member(last, 'apiVersion') !== apiVersion) return undefined;
  if (shapeProblem(shape, last, 'refused') !== undefined) return undefined;
  const { added, modified, removed } = compareObjects(shape, last, value);
  return fieldSetOf(shape, last).difference(modified).difference(added).difference(removed);
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function annotationsOf(object: unknown): JsonObject | undefined {
  const metadata = isJsonObject(object) ? member(object, 'metadata') : undefined;
  const annotations = isJsonObject(metadata) ? member(metadata, 'annotations') : undefined;
  return isJsonObject(annotations) ? annotations : undefined;
}

/**
 * The annotations of an object after kubectl has applied `config` to it by the server: what client-side apply would go on from is kept true as long as it
 * is there and fits. The same annotations where there is nothing to do.
 */
export function withLastApplied(
  annotations: Readonly<Record<string, string>> | undefined,
  config: JsonObject,
): Readonly<Record<string, string>> | undefined {
  if ((annotations?.[LAST_APPLIED] ?? '') === '') return annotations;
  const { [LAST_APPLIED]: _, ...others } = annotations ?? {};
  const kept = { ...others, [LAST_APPLIED]: lastAppliedText(config) };
  let bytes = 0;
  for (const [name, text] of Object.entries(kept)) bytes += utf8Length(name) + utf8Length(text);
  return bytes > MAX_ANNOTATION_BYTES ? others : kept;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The config without the annotation itself, with names in order, as upstream writes it: one line with its end. */
function lastAppliedText(config: JsonObject): string {
  const metadata = member(config, 'metadata');
  if (!isJsonObject(metadata)) return `${goJson(config)}\n`;
  const { annotations, ...others } = metadata;
  if (!isJsonObject(annotations)) return `${goJson({ ...config, metadata: others })}\n`;
  const { [LAST_APPLIED]: _, ...kept } = annotations;
  return `${goJson({ ...config, metadata: { ...others, annotations: kept } })}\n`;
}
