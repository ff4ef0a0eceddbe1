import { allKinds, apiVersionOf, findKind, type Kind, withDefaults } from '../schema/kinds.ts';
import { fieldErrorBody } from '../validation/field-error.ts';
import { nearest } from './nearest.ts';
import type { Problem } from './problem.ts';
import { readJson } from './read-json.ts';
import { readYaml } from './read-yaml.ts';
import {
  DEFAULT_LIMITS,
  LineIndex,
  offsetOfPath,
  type Position,
  SourceError,
  type SourceLimits,
  type SourceNode,
} from './source.ts';
import { decodeStruct } from './walk.ts';

/** One object of a file, decoded and defaulted. */
export interface DecodedObject {
  readonly kind: Kind;
  readonly object: object;
  /** Where the object begins. */
  readonly position: Position;
  /** The place of a field path, or of the nearest part of it that is written down. */
  readonly locate: (field: string) => Position;
}

export interface DecodedManifest {
  readonly objects: readonly DecodedObject[];
  readonly problems: readonly Problem[];
}

export interface DecodeOptions {
  /** Kinds to take (`Pod`); others are problems. All known kinds where absent. */
  readonly kinds?: readonly string[];
  /** Kinds beside those of the table: of one command, which no daemon has to know. */
  readonly moreKinds?: readonly Kind[];
  /** A List is a problem, too: each object has a document of its own. */
  readonly withoutLists?: true;
  readonly limits?: SourceLimits;
}

/**
 * Decodes a stream of YAML documents (`---`) or of JSON values, strictly, and sets defaults. A List of a known kind comes
 * out as its items. A document with a problem gives no object and does not keep the others from coming out. Rules of the
 * kind are not checked here: see validateDecoded. Never throws for what stands in the text.
 */
export function decodeManifest(text: string, options: DecodeOptions = {}): DecodedManifest {
  const limits = options.limits ?? DEFAULT_LIMITS;
  const lines = new LineIndex(text);
  const objects: DecodedObject[] = [];
  const problems: Problem[] = [];
  const size = Buffer.byteLength(text);
  if (size > limits.maxBytes) {
    const message = `is ${size} bytes long, and at most ${limits.maxBytes} are read`;
    return { objects, problems: [{ reason: 'syntax', position: { line: 1, column: 1 }, field: '', message }] };
  }
  for (const document of documents(text, limits)) {
    if (document instanceof SourceError) {
      problems.push({
        reason: 'syntax',
        position: lines.position(document.offset),
        field: '',
        message: document.message,
      });
      continue;
    }
    if (document.kind === 'null') continue;
    const decoded = decodeDocument(document, lines, options);
    objects.push(...decoded.objects);
    problems.push(...decoded.problems);
  }
  return { objects, problems };
}

/** The rules of its kind that an object breaks, with their places. `object` stands in for the decoded one where it was changed since. */
export function validateDecoded(decoded: DecodedObject, object: object = decoded.object): Problem[] {
  return decoded.kind.validate(object).map(error => ({
    reason: 'invalid',
    position: decoded.locate(error.field),
    field: error.field,
    message: `${error.field}: ${fieldErrorBody(error)}`,
  }));
}

/** The documents of a stream. A broken one is its error. Offsets are in the whole text. */
function* documents(text: string, limits: SourceLimits): Generator<SourceNode | SourceError> {
  const separator = /^---(?=[ \t\r]|$)/gm;
  const starts = [0, ...[...text.matchAll(separator)].map(match => match.index)];
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1] ?? text.length;
    const bodyStart = text.startsWith('---', start) && index > 0 ? start + 3 : start;
    const body = text.slice(bodyStart, end);
    const json = /^\s*[{[]/.exec(body);
    // Directives and comments before a document are no document.
    if (json === null && body.split('\n').every(line => /^\s*(?:#.*|%.*)?\r?$/.test(line))) continue;
    yield* json === null ? [attempt(() => readYaml(body, limits), bodyStart)] : readJsonStream(body, bodyStart, limits);
  }
}

/** One or more JSON values; what is no JSON may still be YAML in its flow form. */
function readJsonStream(body: string, base: number, limits: SourceLimits): (SourceNode | SourceError)[] {
  const results: (SourceNode | SourceError)[] = [];
  for (let at = 0; at < body.length; ) {
    let end = body.length;
    const result = attempt(() => {
      const value = readJson(body, at, limits);
      end = value.end;
      return value.node;
    }, base);
    if (result instanceof SourceError && results.length === 0) {
      const yaml = attempt(() => readYaml(body, limits), base);
      return [yaml instanceof SourceError ? result : yaml];
    }
    results.push(result);
    at = end;
  }
  return results;
}

function attempt(read: () => SourceNode, base: number): SourceNode | SourceError {
  try {
    return shifted(read(), base);
  } catch (error) {
    if (error instanceof SourceError) return new SourceError(error.message, error.offset + base);
    throw error;
  }
}

function shifted(node: SourceNode, by: number): SourceNode {
  if (by === 0) return node;
  const offset = node.offset + by;
  switch (node.kind) {
    case 'map':
      return {
        ...node,
        offset,
        entries: node.entries.map(e => ({ key: e.key, keyOffset: e.keyOffset + by, value: shifted(e.value, by) })),
      };
    case 'list':
      return { ...node, offset, items: node.items.map(item => shifted(item, by)) };
    default:
      return { ...node, offset };
  }
}

function decodeDocument(node: SourceNode, lines: LineIndex, options: DecodeOptions): DecodedManifest {
  const { kinds, moreKinds = [] } = options;
  const position = lines.position(node.offset);
  const refuse = (message: string, hint?: string, at: Position = position): DecodedManifest => ({
    objects: [],
    problems: [{ reason: 'kind', position: at, field: '', message, ...(hint === undefined ? {} : { hint }) }],
  });
  if (node.kind !== 'map') return refuse('the document is not an object with apiVersion and kind');
  const apiVersion = stringField(node, 'apiVersion');
  const kindName = stringField(node, 'kind');
  if (kindName === undefined)
    return refuse("Object 'Kind' is missing", 'each document begins with apiVersion and kind');
  if (apiVersion === undefined) return refuse("Object 'apiVersion' is missing", `a ${kindName} needs one`);
  const kind =
    findKind(apiVersion, kindName) ??
    moreKinds.find(each => apiVersionOf(each) === apiVersion && each.kind === kindName);
  const isList = kind === undefined ? apiVersion === 'v1' && kindName === 'List' : kind.itemKind !== undefined;
  if (isList && options.withoutLists === true)
    return refuse(
      `kind ${JSON.stringify(kindName)} is not taken here`,
      'write each of its items as a document of its own',
      lines.position(offsetOfPath(node, 'kind')),
    );
  if (kind === undefined) {
    // `kind: List` is what `kubectl get -o yaml` writes for anything.
    if (isList) return decodeItems(node, lines, item => decodeDocument(item, lines, options));
    const at = lines.position(offsetOfPath(node, 'kind'));
    return refuse(
      `no kind ${JSON.stringify(kindName)} is registered for version ${JSON.stringify(apiVersion)}`,
      kindHint(apiVersion, kindName, moreKinds),
      at,
    );
  }
  if (kind.itemKind !== undefined) {
    const itemKind = findKind(apiVersion, kind.itemKind);
    if (itemKind !== undefined) return decodeItems(node, lines, item => decodeObject(item, itemKind, lines));
  }
  if (kinds !== undefined && !kinds.includes(kind.kind))
    return refuse(
      `kind ${JSON.stringify(kind.kind)} is not taken here`,
      `only ${kinds.join(', ')}`,
      lines.position(offsetOfPath(node, 'kind')),
    );
  return decodeObject(node, kind, lines);
}

function decodeItems(
  node: SourceNode,
  lines: LineIndex,
  decode: (item: SourceNode) => DecodedManifest,
): DecodedManifest {
  const items = node.kind === 'map' ? node.entries.find(entry => entry.key === 'items')?.value : undefined;
  if (items?.kind !== 'list')
    return {
      objects: [],
      problems: [
        { reason: 'type', position: lines.position(node.offset), field: 'items', message: 'items: a list is needed' },
      ],
    };
  const results = items.items.map(decode);
  return { objects: results.flatMap(r => r.objects), problems: results.flatMap(r => r.problems) };
}

function decodeObject(node: SourceNode, kind: Kind, lines: LineIndex): DecodedManifest {
  const { value, problems } = decodeStruct(kind.type, node);
  if (problems.length > 0)
    return {
      objects: [],
      problems: problems.map(({ offset, ...problem }) => ({ ...problem, position: lines.position(offset) })),
    };
  const typed = { ...value, apiVersion: apiVersionOf(kind), kind: kind.kind };
  return {
    objects: [
      {
        kind,
        object: withDefaults(kind, typed),
        position: lines.position(node.offset),
        locate: field => lines.position(offsetOfPath(node, field)),
      },
    ],
    problems: [],
  };
}

function stringField(node: SourceNode, name: string): string | undefined {
  const value = node.kind === 'map' ? node.entries.find(entry => entry.key === name)?.value : undefined;
  return value?.kind === 'scalar' && typeof value.value === 'string' && value.value !== '' ? value.value : undefined;
}

function kindHint(apiVersion: string, kindName: string, moreKinds: readonly Kind[]): string | undefined {
  const known = [...moreKinds, ...allKinds()];
  const sameName = known.find(kind => kind.kind === kindName);
  if (sameName !== undefined) return `${kindName} is in ${JSON.stringify(apiVersionOf(sameName))}`;
  const close = nearest(
    kindName,
    known.filter(kind => apiVersionOf(kind) === apiVersion).map(kind => kind.kind),
  );
  return close === undefined ? undefined : `did you mean ${JSON.stringify(close)}?`;
}
