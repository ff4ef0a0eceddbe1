import { chainsBehind } from './chains.ts';
import type { Element } from './element.ts';

/** What has to become of an element: `before` is what stands there, `after` what shall; undefined is nothing, an empty text a member of a set. */
export interface ElementChange {
  readonly container: string;
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/**
 * The elements of all sets and maps, each put there by one or more owners (services). Where several want the same key (two services with one external
 * address and port, say), the one whose name comes first has it, whatever order they came in, and the next one when it goes.
 */
export class Ruleset {
  readonly #owned = new Map<string, ReadonlyMap<string, string>>();
  /** Who wants a key: one name, or several in order. */
  readonly #claims = new Map<string, string | readonly string[]>();

  /** These are all elements of the owner from now on. Returns what that changes. */
  update(owner: string, elements: readonly Element[]): ElementChange[] {
    const before = this.#owned.get(owner) ?? NOTHING;
    const after = new Map(elements.map(({ container, key, value = '' }) => [`${container}@${key}`, value]));
    const touched = [
      ...[...before.keys()].filter(id => !after.has(id)),
      ...[...after].filter(([id, value]) => before.get(id) !== value).map(([id]) => id),
    ];
    const were = touched.map(id => this.#valueOf(id));
    if (after.size === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, after);
    for (const id of touched) if (before.has(id) !== after.has(id)) this.#claim(id, owner, after.has(id));
    return touched.flatMap((id, index) => {
      const was = were[index];
      const is = this.#valueOf(id);
      return was === is ? [] : [{ ...partsOf(id), before: was, after: is }];
    });
  }

  /** What has to stand at a key; undefined where nobody wants it. */
  value(container: string, key: string): string | undefined {
    return this.#valueOf(`${container}@${key}`);
  }

  owners(): IterableIterator<string> {
    return this.#owned.keys();
  }

  /** All elements as they have to stand in the kernel. */
  *elements(): Generator<Element> {
    for (const id of this.#claims.keys()) yield { ...partsOf(id), value: this.#valueOf(id) ?? '' };
  }

  /** The chains that all its verdicts go to, each with those it goes to itself. */
  chains(): Set<string> {
    const names = new Set<string>();
    for (const { value = '' } of this.elements()) for (const name of chainsOfVerdict(value)) names.add(name);
    return names;
  }

  #valueOf(id: string): string | undefined {
    const claim = this.#claims.get(id);
    const owner = typeof claim === 'string' ? claim : claim?.[0];
    return owner === undefined ? undefined : this.#owned.get(owner)?.get(id);
  }

  #claim(id: string, owner: string, wanted: boolean): void {
    const claim = this.#claims.get(id) ?? [];
    const others = (typeof claim === 'string' ? [claim] : claim).filter(each => each !== owner);
    const all = wanted ? [...others, owner].sort() : others;
    const [first, ...more] = all;
    if (first === undefined) this.#claims.delete(id);
    else this.#claims.set(id, more.length === 0 ? first : all);
  }
}

const NOTHING: ReadonlyMap<string, string> = new Map();
const GOTO = 'goto ';

/** The chains that have to be there for a verdict. */
export function chainsOfVerdict(value: string): string[] {
  return value.startsWith(GOTO) ? chainsBehind(value.slice(GOTO.length)) : [];
}

function partsOf(id: string): { container: string; key: string } {
  const at = id.indexOf('@');
  return { container: id.slice(0, at), key: id.slice(at + 1) };
}
