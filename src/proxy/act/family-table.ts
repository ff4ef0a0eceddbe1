import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import { choiceOf } from '../compile/chains.ts';
import type { Element } from '../compile/element.ts';
import { fixedChains, type LayoutSettings, layoutChain, layoutCommands, markOf, tableOf } from '../compile/layout.ts';
import { type ElementChange, Ruleset } from '../compile/ruleset.ts';
import { chainCommands, changeCommands, elementCommands } from '../compile/transaction.ts';
import type { Applied } from './family-rules.ts';
import type { NftRunner } from './nft.ts';

/** The table of one family: what shall stand in it, and what has been told to the kernel. */
export class FamilyTable {
  readonly #nft: NftRunner;
  readonly #log: Logger;
  readonly #ruleset = new Ruleset();
  #layout: LayoutSettings;
  /** The chains that choose and that the kernel has. */
  #chains = new Set<string>();
  /** What the kernel has not been told yet, by container and key. */
  #waiting = new Map<string, ElementChange>();
  /** Nobody knows what the kernel has: everything is told to it anew. */
  #isUnknown = true;
  /** The last attempt to do so failed: whatever stands there goes first. */
  #replace = false;

  constructor(layout: LayoutSettings, nft: NftRunner, log: Logger) {
    this.#layout = layout;
    this.#nft = nft;
    this.#log = log;
  }

  /** `ip gantry_proxy` */
  get name(): string {
    return tableOf(this.#layout.family);
  }

  /** The fixed rules are others from now on. */
  setLayout(layout: LayoutSettings): void {
    if (JSON.stringify(layout) === JSON.stringify(this.#layout)) return;
    this.#layout = layout;
    this.#isUnknown = true;
  }

  /** The kernel may have something else than was told to it. */
  distrust(): void {
    this.#isUnknown = true;
  }

  /** These are all elements of an owner from now on; the kernel is told by `apply`. */
  update(owner: string, elements: readonly Element[]): void {
    for (const change of this.#ruleset.update(owner, elements)) {
      if (this.#isUnknown) continue;
      const id = `${change.container}@${change.key}`;
      const earlier = this.#waiting.get(id);
      const before = earlier === undefined ? change.before : earlier.before;
      if (before === change.after) this.#waiting.delete(id);
      else this.#waiting.set(id, { ...change, before });
    }
  }

  /** Tells the kernel what it does not have, in one transaction. Throws where it refuses; the next call then tells everything. */
  async apply(signal?: AbortSignal): Promise<Applied> {
    try {
      if (this.#isUnknown) {
        // before the wait: who distrusts it meanwhile is heard
        this.#isUnknown = false;
        await this.#applyAll(signal);
        return 'everything';
      }
      if (this.#waiting.size === 0) return 'nothing';
      const changes = [...this.#waiting.values()];
      const { commands, chains } = changeCommands(changes, this.#chains, this.#settings);
      this.#waiting = new Map();
      await this.#nft.run(this.name, `${commands.join('\n')}\n`, signal);
      for (const name of chains) this.#chains.add(name);
      return 'changes';
    } catch (error) {
      this.#isUnknown = true;
      throw error;
    }
  }

  get #settings(): { family: LayoutSettings['family']; masqueradeMark: string } {
    return { family: this.#layout.family, masqueradeMark: markOf(this.#layout.masqueradeBit) };
  }

  async #applyAll(signal: AbortSignal | undefined): Promise<void> {
    const layout = this.#layout;
    const { family } = layout;
    this.#waiting = new Map();
    const present = await this.#nft.chainsOf(tableOf(family), signal);
    const replace = present !== undefined && (this.#replace || !present.has(layoutChain(family)));
    const needed = this.#ruleset.chains();
    const commands = [
      ...layoutCommands(layout, replace),
      ...chainCommands(needed, this.#settings),
      ...elementCommands('add', this.#ruleset.elements(), family),
    ];
    try {
      await this.#nft.run(this.name, `${commands.join('\n')}\n`, signal);
    } catch (error) {
      this.#replace = true;
      throw error;
    }
    this.#replace = false;
    this.#chains = needed;
    if (!replace && present !== undefined) await this.#removeChains(present, needed);
  }

  /** Chains of counts that no service has any more, and what others put into the table. Kernels before 6.2 may refuse for a while; the next time will do. */
  async #removeChains(present: ReadonlySet<string>, needed: ReadonlySet<string>): Promise<void> {
    const fixed = fixedChains(this.#layout);
    const stale = [...present].filter(name => !needed.has(name) && !fixed.has(name) && choiceOf(name) !== undefined);
    if (stale.length === 0) return;
    const table = tableOf(this.#layout.family);
    const commands = [
      ...stale.map(name => `flush chain ${table} ${name}`),
      ...stale.map(name => `delete chain ${table} ${name}`),
    ];
    try {
      await this.#nft.run(this.name, `${commands.join('\n')}\n`);
    } catch (error) {
      this.#log.debug({ chains: stale }, `unused chains stay for now: ${errorMessage(error)}`);
    }
  }
}
