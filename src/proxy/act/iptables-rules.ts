import { TimeSlice } from '../../base/time-slice.ts';
import type { CompiledService } from '../compile/compiled-service.ts';
import { fixedChains, jumpsOf, nodePortRules } from '../compile/iptables/fixed-rules.ts';
import { type ServiceRules, SHARED_CHAINS, serviceRules } from '../compile/iptables/service-rules.ts';
import { ChainStore } from '../compile/xtables/chain-store.ts';
import {
  KUBELET_FIREWALL_CHAIN,
  LOOPBACK_OPENED_CHAIN,
  MARK_OUTSIDE_CHAIN,
  SERVICES_CHAIN,
} from '../compile/xtables/chains.ts';
import { changesText, everythingText } from '../compile/xtables/restore-text.ts';
import type { SavedTables } from '../compile/xtables/saved-tables.ts';
import type { NodeSettings } from '../desired/node-settings.ts';
import type { Applied, FamilyRules } from './family-rules.ts';
import type { IptablesRunner } from './iptables.ts';
import type { LoopbackRoute } from './loopback-route.ts';

/** With more endpoints than these the rules of endpoints go without words, as upstream's do. */
export const MANY_ENDPOINTS = 1000;

/** iptables mode in one family. */
export class IptablesRules implements FamilyRules {
  readonly #runner: IptablesRunner;
  readonly #lenient: boolean;
  readonly #loopback: LoopbackRoute;
  readonly #store = new ChainStore();
  readonly #services = new Map<string, CompiledService>();
  readonly #rules = new Map<string, ServiceRules>();
  /** Services whose rules are not those that are wanted. */
  readonly #dirty = new Set<string>();
  #settings: NodeSettings;
  /** The names of the services in order; undefined after one came or went. */
  #names: readonly string[] | undefined;
  #endpoints = 0;
  #hasComments = true;
  #fixedDirty = true;
  #sharedDirty = true;
  #isUnknown = true;
  /** The route to the loopback was closed before it was opened here. */
  #loopbackWasClosed = false;

  /** `lenient`: as of `FixedSettings`. */
  constructor(settings: NodeSettings, runner: IptablesRunner, lenient: boolean, loopback: LoopbackRoute) {
    this.#settings = settings;
    this.#runner = runner;
    this.#lenient = lenient;
    this.#loopback = loopback;
  }

  setNode(settings: NodeSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#fixedDirty = true;
    for (const key of this.#services.keys()) this.#dirty.add(key);
  }

  update(key: string, service: CompiledService): void {
    this.#endpoints += endpointCount(service) - endpointCount(this.#services.get(key));
    if (service.ports.length === 0) this.#services.delete(key);
    else this.#services.set(key, service);
    this.#dirty.add(key);
  }

  distrust(): void {
    this.#isUnknown = true;
  }

  async apply(signal?: AbortSignal): Promise<Applied> {
    await this.#compile(new TimeSlice(signal));
    const changes = this.#store.takeChanges();
    const isUnknown = this.#isUnknown || changes === 'everything';
    // before the wait: who distrusts it meanwhile is heard
    this.#isUnknown = false;
    try {
      if (isUnknown) {
        const saved = await this.#runner.save(signal);
        this.#closeUnguardedLoopback(saved);
        await this.#runner.restore(everythingText(this.#store.chains, this.#store.jumps, saved), signal);
        // answers from 127.0.0.1 are led back to it: not before the chain stands that keeps others from it
        if (this.#settings.localhostNodePorts) this.#loopback.open();
        return 'everything';
      }
      if (changes.size === 0) return 'nothing';
      await this.#runner.restore(changesText(changes), signal);
      return 'changes';
    } catch (error) {
      this.#isUnknown = true;
      throw error;
    }
  }

  /** Says in the rules how the route was before, so that whoever takes them away knows it; where they are to be without the guard, it is closed first. */
  #closeUnguardedLoopback(saved: SavedTables): void {
    const { localhostNodePorts, family } = this.#settings;
    if (family !== 4) return;
    if (saved.hasOpenedLoopback || (localhostNodePorts && !this.#loopback.isOpen())) this.#loopbackWasClosed = true;
    const isOurs = localhostNodePorts && this.#loopbackWasClosed;
    this.#store.set('filter', LOOPBACK_OPENED_CHAIN, isOurs ? [] : undefined);
    // it goes with everything else
    this.#store.takeChanges();
    if (!localhostNodePorts && saved.hasOpenedLoopback) this.#loopback.close();
  }

  /** Brings the store to what is wanted. Left in the middle, it goes on there the next time. */
  async #compile(slice: TimeSlice): Promise<void> {
    const hasComments = this.#endpoints <= MANY_ENDPOINTS;
    if (hasComments !== this.#hasComments) {
      this.#hasComments = hasComments;
      for (const key of this.#services.keys()) this.#dirty.add(key);
    }
    if (this.#fixedDirty) this.#setFixed();
    for (const key of this.#dirty) {
      this.#setService(key);
      this.#dirty.delete(key);
      await slice.breathe();
    }
    if (this.#sharedDirty) await this.#setShared(slice);
  }

  #setFixed(): void {
    const settings = { ...this.#settings, lenient: this.#lenient };
    // not wanted with all settings
    this.#store.set('nat', MARK_OUTSIDE_CHAIN, undefined);
    this.#store.set('filter', KUBELET_FIREWALL_CHAIN, undefined);
    for (const { table, chain, rules } of fixedChains(settings)) this.#store.set(table, chain, rules);
    this.#store.setJumps(jumpsOf(settings));
    this.#fixedDirty = false;
    this.#sharedDirty = true;
  }

  #setService(key: string): void {
    const before = this.#rules.get(key);
    const service = this.#services.get(key);
    const settings = { ...this.#settings, endpointComments: this.#hasComments };
    const after = service === undefined ? undefined : serviceRules(key, service, settings);
    for (const chain of before?.own.keys() ?? [])
      if (after?.own.has(chain) !== true) this.#store.set('nat', chain, undefined);
    for (const [chain, rules] of after?.own ?? []) this.#store.set('nat', chain, rules);
    if ((before === undefined) !== (after === undefined)) this.#names = undefined;
    if (after === undefined) this.#rules.delete(key);
    else this.#rules.set(key, after);
    if (sharedText(before) !== sharedText(after)) this.#sharedDirty = true;
  }

  /** In the order of names: where two services want the same address and port, the first rule has it. */
  async #setShared(slice: TimeSlice): Promise<void> {
    this.#names ??= [...this.#rules.keys()].sort();
    await slice.breathe();
    const rules = this.#names.flatMap(name => this.#rules.get(name) ?? []);
    for (const { table, chain } of SHARED_CHAINS) {
      await slice.breathe();
      const all = rules.flatMap(({ shared }) => shared.get(`${table} ${chain}` as const) ?? []);
      if (table === 'nat' && chain === SERVICES_CHAIN) all.push(...nodePortRules(this.#settings));
      this.#store.set(table, chain, all);
    }
    this.#sharedDirty = false;
  }
}

function endpointCount(service: CompiledService | undefined): number {
  return (service?.ports ?? []).reduce((sum, { endpoints }) => sum + endpoints.length, 0);
}

function sharedText(rules: ServiceRules | undefined): string {
  return [...(rules?.shared ?? [])].map(([chain, texts]) => `${chain}\n${texts.join('\n')}`).join('\n');
}
