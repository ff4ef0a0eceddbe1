import { oneLine } from '../../base/errors.ts';

/** What a YAML or JSON document holds, with the place of every part: the one form that the schema walk reads. */
export type SourceNode =
  | { readonly kind: 'null'; readonly offset: number }
  | {
      readonly kind: 'scalar';
      readonly offset: number;
      readonly value: string | number | boolean;
      /** The digits as written, for numbers. */
      readonly source?: string;
    }
  | { readonly kind: 'list'; readonly offset: number; readonly items: readonly SourceNode[] }
  | { readonly kind: 'map'; readonly offset: number; readonly entries: readonly SourceEntry[] };

export interface SourceEntry {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: SourceNode;
}

/** A document that cannot be read, and where. The message is one line without the place. */
export class SourceError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(oneLine(message));
    this.name = 'SourceError';
    this.offset = offset;
  }
}

/**
 * How large a document may be. The defaults lie far above any manifest (etcd itself takes no object over 1.5 MiB); at
 * the very limit a YAML stream takes a few seconds to read (seen: 632 pods, 1 MiB, 2 s), a JSON one about a quarter of that.
 */
export interface SourceLimits {
  /** Bytes of text of a whole stream. */
  readonly maxBytes: number;
  /** Values after aliases are followed: what stops the "billion laughs". */
  readonly maxNodes: number;
  readonly maxDepth: number;
}

export const DEFAULT_LIMITS: SourceLimits = { maxBytes: 1024 * 1024, maxNodes: 250_000, maxDepth: 100 };

export interface Position {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 units. */
  readonly column: number;
}

/** Turns offsets into lines and columns. */
export class LineIndex {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}

/** The place of a field path such as `spec.containers[1].name`, or of the nearest part of it that is written down. */
export function offsetOfPath(root: SourceNode, path: string): number {
  let node = root;
  let offset = root.offset;
  for (const step of path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)) {
    const [, bracket, name] = step;
    if (node.kind === 'list') {
      const item = node.items[Number(bracket)];
      if (item === undefined) return offset;
      node = item;
      offset = item.offset;
    } else if (node.kind === 'map') {
      const entry = node.entries.find(e => e.key === (bracket ?? name));
      if (entry === undefined) return offset;
      node = entry.value;
      offset = entry.keyOffset;
    } else return offset;
  }
  return offset;
}
