import { errorMessage, type GantryError, invalidArgument } from '../../../base/errors.ts';
import { goQuoteChar } from '../../go-quote.ts';
import type { StructType, Type } from '../../schema/table.ts';
import { MAX_ELEMENTS } from '../max-elements.ts';
import { readJson } from '../read-json.ts';
import { SourceError } from '../source.ts';
import { findPlaces, type JsonPlaces, pathText } from './find-places.ts';
import { openerAt, scanJson } from './scan.ts';
import { measure, ScalarRefusal, structDecoder, Visit } from './visit.ts';

export interface DecodedBody {
  /** What Go always holds is there; names that the table does not know are not. */
  readonly object: Record<string, unknown>;
  /** Upstream's strict decoding errors: `unknown field "spec.foo"`, `duplicate field "spec.bar"`. */
  readonly strictErrors: readonly string[];
}

export interface DecodeOptions {
  /** The source of numbers that are not written as integers, by path. */
  readonly fractions?: ReadonlyMap<string, string>;
  /** Elements of all lists and maps together, for what clients send: MAX_ELEMENTS. */
  readonly maxElements?: number;
  /** Levels of the object that is made, for what clients send: MAX_KEPT_DEPTH. */
  readonly maxDepth?: number;
}

/** Levels of nesting that a JSON text may have, as for upstream. */
const MAX_DEPTH = 10_000;
/**
 * Levels that the object may have which is made of it. What is unknown goes no further; what is kept is walked by recursion later, and V8 writes some 4,000
 * levels of JSON on a stack that is empty. No object of the API comes near.
 */
export const MAX_KEPT_DEPTH = 1000;
const NONE: ReadonlyMap<string, string> = new Map();

/**
 * Decodes the JSON text of a request body into an object of a type. Unknown and repeated names are no failure: what is to
 * be done about them is for `checkFieldValidation`. With `duplicates: false` (fieldValidation=Ignore) repeated names are
 * not looked for. Throws `invalid-argument` with Go's text for what is no JSON or has a value of a wrong type, 413 for what has too many elements.
 */
export function decodeJson(type: StructType, text: string, options: { readonly duplicates: boolean }): DecodedBody {
  const facts = scanJson(text);
  if (facts.depth > MAX_DEPTH) throw tooDeep(text, MAX_DEPTH);
  const value = parseJson(text);
  const places = facts.fractions ? findPlaces(text) : undefined;
  const decoded = decodeValue(type, value, {
    fractions: places?.fractions ?? NONE,
    maxElements: MAX_ELEMENTS,
    maxDepth: MAX_KEPT_DEPTH,
  });
  if (!options.duplicates || decoded.names === facts.names) return decoded;
  return { ...decoded, strictErrors: strictErrors(type, findPlaces(text, new Set(decoded.unknown)), decoded.unknown) };
}

/**
 * Decodes a value that is parsed already (from YAML, from a patch, from the store). Null is an object without fields, as for Go. Throws as decodeJson
 * does.
 */
export function decodeValue(
  type: StructType,
  value: unknown,
  { fractions = NONE, maxElements = Number.POSITIVE_INFINITY, maxDepth = Number.POSITIVE_INFINITY }: DecodeOptions = {},
): DecodedBody & { readonly names: number; readonly unknown: readonly string[] } {
  const visit = new Visit(type, fractions, { maxElements, maxDepth });
  let object: Record<string, unknown>;
  try {
    object = structDecoder(type)(visit, value ?? {}) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof ScalarRefusal) throw invalidArgument(error.message);
    throw error;
  }
  if (visit.error !== undefined) throw invalidArgument(visit.error);
  return {
    object,
    names: visit.names,
    unknown: visit.unknown,
    strictErrors: visit.unknown.map(unknownError),
  };
}

/**
 * A JSON text that has no type, with upstream's strict errors about its repeated names. Throws `invalid-argument` with Go's
 * text for what is no JSON or is nested deeper than `maxDepth`.
 */
export function parseJsonText(
  text: string,
  maxDepth: number,
): { readonly value: unknown; readonly duplicates: readonly string[] } {
  const facts = scanJson(text);
  if (facts.depth > maxDepth) throw tooDeep(text, maxDepth);
  const value = parseJson(text);
  if (facts.names === measure(value).names) return { value, duplicates: [] };
  return { value, duplicates: findPlaces(text).duplicates.map(duplicateError) };
}

function tooDeep(text: string, maxDepth: number): GantryError {
  return invalidArgument(`invalid character '${openerAt(text, maxDepth + 1)}' exceeded max depth`);
}

function unknownError(path: string): string {
  return `unknown field ${JSON.stringify(path)}`;
}

function duplicateError(path: readonly (string | number)[]): string {
  return `duplicate field ${JSON.stringify(pathText(path))}`;
}

/** The value of a JSON text. Throws `invalid-argument` with Go's text for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw invalidArgument(goSyntaxError(text) ?? errorMessage(error));
  }
}

/** What Go says about a text that is no JSON. */
function goSyntaxError(text: string): string | undefined {
  try {
    const { end } = readJson(text, 0, {
      maxBytes: text.length,
      maxNodes: Number.POSITIVE_INFINITY,
      maxDepth: MAX_DEPTH,
    });
    return end < text.length ? `invalid character ${goQuoteChar(text[end] ?? '')} after top-level value` : undefined;
  } catch (error) {
    return error instanceof SourceError ? error.message : undefined;
  }
}

/** In the order of the text, as upstream comes upon them. It does not look into the parts that it hands on as they are. */
function strictErrors(type: StructType, places: JsonPlaces, unknown: readonly string[]): string[] {
  const repeated = places.duplicates
    .map((path, i) => ({ path, at: places.seconds[i] ?? 0 }))
    .filter(({ path }) => isTyped(type, path))
    .map(({ path, at }) => ({ at, error: duplicateError(path) }));
  const strange = unknown.map(path => ({ at: places.firsts.get(path) ?? 0, error: unknownError(path) }));
  return [...repeated, ...strange].toSorted((a, b) => a.at - b.at).map(({ error }) => error);
}

function isTyped(type: StructType, path: readonly (string | number)[]): boolean {
  let at: Type | undefined = type;
  for (const step of path) {
    if (at?.kind === 'struct') at = at.json.get(String(step))?.type;
    else if (at?.kind === 'list' || at?.kind === 'map') at = at.of;
    else return false;
  }
  return at !== undefined;
}
