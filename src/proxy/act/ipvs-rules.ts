import { ipToBigInt } from '../../base/cidr.ts';
import { isIn } from '../../base/cidr-list.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { CompiledService } from '../compile/compiled-service.ts';
import { ipvsChains } from '../compile/ipvs/chains.ts';
import { ADDRESSES, CLOSED_TO_NODE, SERVERS, serviceEntries } from '../compile/ipvs/service-entries.ts';
import { setCommands } from '../compile/ipvs/set-commands.ts';
import { type SavedSets, SET_IDS, SETS, type SetId, setName } from '../compile/ipvs/sets.ts';
import {
  isOwnedServer,
  keepsConnections,
  parseServerText,
  serverChanges,
  serverKey,
  type VirtualServer,
} from '../compile/ipvs/virtual-server.ts';
import { type ElementChange, Ruleset } from '../compile/ruleset.ts';
import { ChainStore } from '../compile/xtables/chain-store.ts';
import { IPVS_JUMPS, MARK_MASQ_CHAIN, MARK_OUTSIDE_CHAIN } from '../compile/xtables/chains.ts';
import { changesText, everythingText } from '../compile/xtables/restore-text.ts';
import type { NodeSettings } from '../desired/node-settings.ts';
import type { Applied, FamilyRules } from './family-rules.ts';
import type { IptablesRunner } from './iptables.ts';
import type { IpvsKernel } from './ipvs.ts';
import type { LoopbackRoute } from './loopback-route.ts';

export interface IpvsRulesOptions {
  readonly iptables: IptablesRunner;
  readonly kernel: IpvsKernel;
  readonly loopback: LoopbackRoute;
  readonly scheduler: string;
  /** Servers in these networks are others': they stay whatever they are. */
  readonly excludeCidrs: readonly string[];
}

/**
 * IPVS mode in one family. The kernel is told in an order in which nothing is used before it is there, and nothing goes that is used still: the mark of
 * whose it all is, the link, sets, rules, addresses, servers, and backwards. Left in the middle, it is told everything the next time.
 */
export class IpvsRules implements FamilyRules {
  readonly #options: IpvsRulesOptions;
  readonly #ruleset = new Ruleset();
  readonly #store = new ChainStore();
  readonly #services = new Map<string, CompiledService>();
  readonly #dirty = new Set<string>();
  /** Servers with real servers that keep their connections until those end, by key. */
  readonly #draining = new Set<string>();
  /** Load balancers' addresses that this node may not use. */
  readonly #closed = new Set<string>();
  /** The servers that the kernel has, by key. */
  #told = new Map<string, VirtualServer>();
  #waiting = new Map<string, ElementChange>();
  #settings: NodeSettings;
  #isUnknown = true;

  constructor(settings: NodeSettings, options: IpvsRulesOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  setNode(settings: NodeSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    for (const key of this.#services.keys()) this.#dirty.add(key);
  }

  update(key: string, service: CompiledService): void {
    if (service.ports.length === 0) this.#services.delete(key);
    else this.#services.set(key, service);
    this.#dirty.add(key);
  }

  distrust(): void {
    this.#isUnknown = true;
  }

  /** Whether real servers wait for their last connections: then `drain` has something to do. */
  get isDraining(): boolean {
    return this.#draining.size > 0;
  }

  /** Deletes real servers whose last connection has ended. */
  drain(): void {
    for (const key of this.#draining) this.#changeServer(key, this.#serverText(key));
  }

  async apply(signal?: AbortSignal): Promise<Applied> {
    const slice = new TimeSlice(signal);
    await this.#compile(slice);
    const chains = this.#takeChains();
    const changes = [...this.#waiting.values()];
    const isUnknown = this.#isUnknown || chains === 'everything';
    this.#waiting = new Map();
    // before the wait: who distrusts it meanwhile is heard
    this.#isUnknown = false;
    try {
      if (isUnknown) {
        await this.#applyAll(slice, signal);
        return 'everything';
      }
      if (changes.length === 0 && chains.size === 0) return 'nothing';
      await this.#applyChanges(changes, slice, signal);
      if (chains.size > 0) await this.#options.iptables.restore(changesText(chains), signal);
      return 'changes';
    } catch (error) {
      this.#isUnknown = true;
      throw error;
    }
  }

  /** Brings the elements to what is wanted. Left in the middle, it goes on there the next time. */
  async #compile(slice: TimeSlice): Promise<void> {
    const settings = { ...this.#settings, scheduler: this.#options.scheduler };
    for (const key of this.#dirty) {
      const service = this.#services.get(key);
      const elements = service === undefined ? [] : serviceEntries(service, settings);
      for (const change of this.#ruleset.update(key, elements)) this.#note(change);
      this.#dirty.delete(key);
      await slice.breathe();
    }
  }

  #note(change: ElementChange): void {
    const { container, key, after } = change;
    if (container === CLOSED_TO_NODE) {
      if (after === undefined) this.#closed.delete(key);
      else this.#closed.add(key);
      return;
    }
    const id = `${container}@${key}`;
    this.#waiting.set(id, { ...change, before: this.#waiting.get(id)?.before ?? change.before });
  }

  #takeChains(): ReturnType<ChainStore['takeChanges']> {
    this.#store.set('nat', MARK_OUTSIDE_CHAIN, undefined);
    for (const { table, chain, rules } of ipvsChains(this.#settings, [...this.#closed]))
      this.#store.set(table, chain, rules);
    this.#store.setJumps(IPVS_JUMPS);
    return this.#store.takeChanges();
  }

  async #applyAll(slice: TimeSlice, signal: AbortSignal | undefined): Promise<void> {
    const { kernel, iptables, loopback } = this.#options;
    const { family } = this.#settings;
    const saved = await iptables.save(signal);
    // iptables mode's guard before it goes with the chains that are not of this mode
    if (saved.hasOpenedLoopback) loopback.close();
    const mark = this.#store.chains.get('nat')?.get(MARK_MASQ_CHAIN);
    if (!saved.isOurs)
      await iptables.restore(changesText(new Map([['nat', new Map([[MARK_MASQ_CHAIN, mark]])]])), signal);
    kernel.makeLink();
    const sets = await kernel.savedSets(signal);
    const { members, addresses, servers } = this.#wanted();
    const { before, after } = setCommands(members, sets, family);
    await this.#runSets(before, signal);
    await iptables.restore(everythingText(this.#store.chains, this.#store.jumps, await iptables.save(signal)), signal);
    const bound = new Set(kernel.addresses(family));
    for (const ip of addresses) {
      if (!bound.has(ip)) kernel.bind(ip);
      await slice.breathe();
    }
    this.#draining.clear();
    this.#told = new Map(kernel.servers(family).map(server => [serverKey(server), server]));
    const stale = [...this.#told].filter(([key, server]) => !servers.has(key) && this.#isOurs(server, sets));
    for (const [key, text] of servers) {
      this.#changeServer(key, text);
      await slice.breathe();
    }
    for (const [key] of stale) this.#changeServer(key, undefined);
    for (const ip of bound) if (!addresses.has(ip)) kernel.unbind(ip);
    await this.#runSets(after, signal);
  }

  async #applyChanges(
    changes: readonly ElementChange[],
    slice: TimeSlice,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { kernel } = this.#options;
    const { family } = this.#settings;
    const inSets = (verb: 'add' | 'del', isMeant: (change: ElementChange) => boolean): string[] =>
      changes.flatMap(change =>
        isSetId(change.container) && isMeant(change)
          ? [`${verb} ${setName(change.container, family)} ${change.key}`]
          : [],
      );
    const come = inSets('add', ({ before, after }) => before === undefined && after !== undefined);
    const gone = inSets('del', ({ before, after }) => before !== undefined && after === undefined);
    await this.#runSets(come, signal);
    for (const { container, key, before, after } of changes)
      if (container === ADDRESSES && before === undefined && after !== undefined) kernel.bind(key);
    for (const { container, key, after } of changes) {
      if (container !== SERVERS) continue;
      this.#changeServer(key, after);
      await slice.breathe();
    }
    for (const { container, key, after } of changes)
      if (container === ADDRESSES && after === undefined) kernel.unbind(key);
    await this.#runSets(gone, signal);
  }

  async #runSets(commands: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    if (commands.length > 0) await this.#options.kernel.runSets(`${commands.join('\n')}\n`, signal);
  }

  /** The server of a key (`tcp 10.96.0.10:80`) comes to what the text says; undefined: it goes. */
  #changeServer(key: string, text: string | undefined): void {
    const { kernel } = this.#options;
    const told = this.#told.get(key);
    const present = told === undefined ? undefined : kernel.present(told);
    const wanted = text === undefined ? undefined : parseServerText(text);
    for (const change of serverChanges(wanted, present)) kernel.change(change);
    if (wanted === undefined) this.#told.delete(key);
    else this.#told.set(key, wanted.server);
    if (keepsConnections(wanted, present)) this.#draining.add(key);
    else this.#draining.delete(key);
  }

  #serverText(key: string): string | undefined {
    return this.#ruleset.value(SERVERS, key);
  }

  /** Everything that is wanted in the kernel, beside chains. */
  #wanted(): Wanted {
    const members = new Map<SetId, Set<string>>(SET_IDS.map(id => [id, new Set<string>()]));
    const addresses = new Set<string>();
    const servers = new Map<string, string>();
    for (const { container, key, value = '' } of this.#ruleset.elements()) {
      if (container === SERVERS) servers.set(key, value);
      else if (container === ADDRESSES) addresses.add(key);
      else if (isSetId(container)) members.get(container)?.add(key);
    }
    return { members, addresses, servers };
  }

  /** Whether a proxy made the server, and nobody else is known to look after it. */
  #isOurs(server: VirtualServer, sets: SavedSets): boolean {
    const { family } = this.#settings;
    if (isIn(ipToBigInt(server.ip), family, this.#options.excludeCidrs)) return false;
    return isOwnedServer(server, sets, family);
  }
}

interface Wanted {
  readonly members: ReadonlyMap<SetId, ReadonlySet<string>>;
  readonly addresses: ReadonlySet<string>;
  /** The text of each server by its key. */
  readonly servers: ReadonlyMap<string, string>;
}

function isSetId(container: string): container is SetId {
  return container in SETS;
}
