import type { Jump, Table } from './chains.ts';
import type { Chains } from './restore-text.ts';

/** The chains of a family as they have to be, and which of them the kernel does not know yet. */
export class ChainStore {
  readonly #chains = new Map<Table, Map<string, readonly string[]>>();
  #changed = new Map<Table, Map<string, readonly string[] | undefined>>();
  #jumps: readonly Jump[] = [];
  #jumpsChanged = false;

  /** These are the rules of a chain from now on; undefined: there is none. */
  set(table: Table, chain: string, rules: readonly string[] | undefined): void {
    const chains = this.#chains.get(table) ?? new Map<string, readonly string[]>();
    this.#chains.set(table, chains);
    if (isSame(chains.get(chain), rules)) return;
    if (rules === undefined) chains.delete(chain);
    else chains.set(chain, rules);
    const changed = this.#changed.get(table) ?? new Map<string, readonly string[] | undefined>();
    this.#changed.set(table, changed.set(chain, rules));
  }

  /** These lead to the chains from now on. */
  setJumps(jumps: readonly Jump[]): void {
    if (
      isSame(
        this.#jumps.map(({ rule, from }) => `${from} ${rule}`),
        jumps.map(({ rule, from }) => `${from} ${rule}`),
      )
    )
      return;
    this.#jumps = jumps;
    this.#jumpsChanged = true;
  }

  get chains(): Chains {
    return this.#chains;
  }

  get jumps(): readonly Jump[] {
    return this.#jumps;
  }

  /** What changed since it was asked for last; `everything` where chains are not all of it. */
  takeChanges(): ReadonlyMap<Table, ReadonlyMap<string, readonly string[] | undefined>> | 'everything' {
    const changed = this.#changed;
    const all = this.#jumpsChanged;
    this.#changed = new Map();
    this.#jumpsChanged = false;
    return all ? 'everything' : changed;
  }
}

function isSame(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((rule, index) => rule === b[index]);
}
