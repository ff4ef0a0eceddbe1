import type { Service } from '../api/types/gen/core-v1.ts';
import type { IpFamily } from '../base/cidr.ts';
import { minimalCidrs } from '../base/cidr-list.ts';
import type { Applied, FamilyRules } from './act/family-rules.ts';
import { type CompileContext, type CompiledService, compileService } from './compile/compiled-service.ts';
import { changedFronts, type UdpFront } from './compile/udp-fronts.ts';
import { nodeIpsOf, nodePortIps, placeOf, podCidrsOf } from './desired/node.ts';
import type { NodeSettings } from './desired/node-settings.ts';
import type { Dirty, ProxyState } from './desired/proxy-state.ts';
import { localPodsOf, nodePortsEverywhere, type ProxySettings } from './settings.ts';

export interface FamilyProxyOptions {
  readonly family: IpFamily;
  readonly settings: ProxySettings;
  readonly state: ProxyState;
  /** Makes the rules of the family in the mode. */
  readonly rules: (node: NodeSettings) => FamilyRules;
  readonly machineIps: () => readonly string[];
}

/** The proxy in one family: keeps its rules as the state wants them. */
export class FamilyProxy {
  readonly family: IpFamily;
  readonly #settings: ProxySettings;
  readonly #state: ProxyState;
  readonly #rules: FamilyRules;
  readonly #compiled = new Map<string, CompiledService>();
  #fronts: UdpFront[] = [];
  #context: CompileContext;

  constructor({ family, settings, state, rules, machineIps }: FamilyProxyOptions) {
    this.family = family;
    this.#settings = settings;
    this.#state = state;
    this.#context = this.#contextNow();
    this.#rules = rules(this.#nodeNow(machineIps()));
  }

  /** The services as they were compiled last. */
  get services(): ReadonlyMap<string, CompiledService> {
    return this.#compiled;
  }

  /** Somebody else may have changed the rules. */
  distrust(): void {
    this.#rules.distrust();
  }

  /** The keys that have to be compiled for what is dirty: all of them where the node is another. */
  keysFor(dirty: Dirty): Set<string> {
    if (!dirty.node) return new Set(dirty.services);
    const context = this.#contextNow();
    if (JSON.stringify(context) === JSON.stringify(this.#context)) return new Set(dirty.services);
    this.#context = context;
    return new Set([...dirty.services, ...this.#state.serviceKeys()]);
  }

  /** Compiles a service as it is now. */
  compile(key: string): void {
    const service: Service | undefined = this.#state.service(key);
    const before = this.#compiled.get(key);
    const after = compileService(service, this.#state.slicesOf(key), this.#context, before);
    if (service === undefined) this.#compiled.delete(key);
    else this.#compiled.set(key, after);
    this.#rules.update(key, after);
    this.#fronts.push(...changedFronts(before, after));
  }

  /** The fronts that changed since they were taken last: their tracked flows may have gone stale. */
  takeChangedFronts(): readonly UdpFront[] {
    const fronts = this.#fronts;
    this.#fronts = [];
    return fronts;
  }

  /** The addresses that answer node ports; the one that is all of them where that is so. */
  nodePortIps(machineIps: readonly string[]): readonly string[] {
    if (nodePortsEverywhere(this.#settings.nodePortAddresses, this.family))
      return [this.family === 4 ? '0.0.0.0' : '::'];
    const { nodePorts } = this.#nodeNow(machineIps);
    return nodePorts === 'everywhere' ? [] : nodePorts;
  }

  /** Takes what the node, its addresses and the networks of services are now. */
  setNode(machineIps: readonly string[]): void {
    this.#rules.setNode(this.#nodeNow(machineIps));
  }

  /** As of FamilyRules. */
  apply(signal: AbortSignal): Promise<Applied> {
    return this.#rules.apply(signal);
  }

  #contextNow(): CompileContext {
    const node = this.#state.node();
    const { nodeName, bindAddress } = this.#settings;
    return {
      family: this.family,
      node: placeOf(node, nodeName),
      nodeIps: nodeIpsOf(node, bindAddress, this.family),
    };
  }

  #nodeNow(allIps: readonly string[]): NodeSettings {
    const { family } = this;
    const isIpvs = this.#settings.mode === 'ipvs';
    // a server of IPVS has one address, and a link's own addresses are good on that link alone
    const machineIps = isIpvs ? allIps.filter(ip => !ip.startsWith('fe80:')) : allIps;
    const { detection, masqueradeBit, masqueradeAll, nodePortAddresses, localhostNodePorts } = this.#settings;
    const { nodeIps } = this.#context;
    const withLoopback = localhostNodePorts && family === 4;
    const isEverywhere = !isIpvs && nodePortsEverywhere(nodePortAddresses, family);
    return {
      family,
      masqueradeBit,
      masqueradeAll,
      localPods: localPodsOf(detection, podCidrsOf(this.#state.node()), family),
      nodePorts: isEverywhere
        ? 'everywhere'
        : nodePortIps(nodePortAddresses, nodeIps, machineIps, family, withLoopback),
      localhostNodePorts: withLoopback,
      serviceCidrs: minimalCidrs(this.#state.serviceCidrs(), family),
      nodeIps,
      machineIps: isIpvs ? machineIps.filter(ip => ip.includes(':') === (family === 6)).sort() : [],
    };
  }
}
