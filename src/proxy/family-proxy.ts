import type { Service } from '../api/types/gen/core-v1.ts';
import type { IpFamily } from '../base/cidr.ts';
import { minimalCidrs } from '../base/cidr-list.ts';
import type { Logger } from '../daemon/logger.ts';
import { type Applied, FamilyTable } from './act/family-table.ts';
import type { NftRunner } from './act/nft.ts';
import type { LayoutSettings } from './compile/layout.ts';
import { type CompileContext, type CompiledService, compileService } from './compile/service-elements.ts';
import { changedFronts, type UdpFront } from './compile/udp-fronts.ts';
import { nodeIpsOf, nodePortIps, placeOf, podCidrsOf } from './desired/node.ts';
import type { Dirty, ProxyState } from './desired/proxy-state.ts';
import { localMatch, nodePortsEverywhere, type ProxySettings } from './settings.ts';

/** Owners of elements that belong to no service: no service can be called so. */
const NODE_PORT_IPS = '#node-port-ips';
const SERVICE_CIDRS = '#service-cidrs';

export interface FamilyProxyOptions {
  readonly family: IpFamily;
  readonly settings: ProxySettings;
  readonly state: ProxyState;
  readonly nft: NftRunner;
  readonly log: Logger;
}

/** The proxy in one family: keeps its table as the state wants it. */
export class FamilyProxy {
  readonly family: IpFamily;
  readonly #settings: ProxySettings;
  readonly #state: ProxyState;
  readonly #table: FamilyTable;
  readonly #compiled = new Map<string, CompiledService>();
  #fronts: UdpFront[] = [];
  #context: CompileContext;

  constructor({ family, settings, state, nft, log }: FamilyProxyOptions) {
    this.family = family;
    this.#settings = settings;
    this.#state = state;
    this.#context = this.#contextNow();
    this.#table = new FamilyTable(this.#layoutNow(), nft, log);
  }

  /** The services as they were compiled last. */
  get services(): ReadonlyMap<string, CompiledService> {
    return this.#compiled;
  }

  /** `ip gantry_proxy` */
  get table(): string {
    return this.#table.name;
  }

  /** Somebody else may have changed the table. */
  distrust(): void {
    this.#table.distrust();
  }

  /** The keys that have to be compiled for what is dirty: all of them where the node is another. */
  keysFor(dirty: Dirty): Set<string> {
    if (!dirty.node) return new Set(dirty.services);
    this.#table.setLayout(this.#layoutNow());
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
    this.#table.update(key, after.elements);
    this.#fronts.push(...changedFronts(before, after));
  }

  /** The fronts that changed since they were taken last: their tracked flows may have gone stale. */
  takeChangedFronts(): readonly UdpFront[] {
    const fronts = this.#fronts;
    this.#fronts = [];
    return fronts;
  }

  /** The addresses that answer node ports; the one that is all of them where that is so. */
  nodePortIps(machineIps: readonly string[]): string[] {
    if (nodePortsEverywhere(this.#settings.nodePortAddresses, this.family))
      return [this.family === 4 ? '0.0.0.0' : '::'];
    return nodePortIps(this.#settings.nodePortAddresses, this.#context.nodeIps, machineIps, this.family);
  }

  setNodePortIps(machineIps: readonly string[]): void {
    const ips = this.nodePortIps(machineIps);
    this.#table.update(
      NODE_PORT_IPS,
      ips.map(key => ({ container: 'node-port-ips', key })),
    );
  }

  setServiceCidrs(): void {
    const cidrs = minimalCidrs(this.#state.serviceCidrs(), this.family);
    this.#table.update(
      SERVICE_CIDRS,
      cidrs.map(key => ({ container: 'service-cidrs', key })),
    );
  }

  /** As of FamilyTable. */
  apply(signal: AbortSignal): Promise<Applied> {
    return this.#table.apply(signal);
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

  #layoutNow(): LayoutSettings {
    const { family } = this;
    const { detection, masqueradeBit, masqueradeAll, nodePortAddresses } = this.#settings;
    const local = localMatch(detection, podCidrsOf(this.#state.node()), family);
    return {
      family,
      masqueradeBit,
      masqueradeAll,
      fromLocalPod: local?.is,
      notFromLocalPod: local?.isNot,
      nodePortsEverywhere: nodePortsEverywhere(nodePortAddresses, family),
    };
  }
}
