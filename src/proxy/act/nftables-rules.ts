import type { IpFamily } from '../../base/cidr.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { CompiledService } from '../compile/compiled-service.ts';
import { type LayoutSettings, localMatch } from '../compile/layout.ts';
import { serviceElements } from '../compile/port-elements.ts';
import type { NodeSettings } from '../desired/node-settings.ts';
import type { Applied, FamilyRules } from './family-rules.ts';
import { FamilyTable } from './family-table.ts';
import type { NftRunner } from './nft.ts';

/** Owners of elements that belong to no service: no service can be called so. */
const NODE_PORT_IPS = '#node-port-ips';
const SERVICE_CIDRS = '#service-cidrs';

/** nftables mode in one family. */
export class NftablesRules implements FamilyRules {
  readonly #table: FamilyTable;
  #nodeIps: readonly string[] = [];

  constructor(settings: NodeSettings, nft: NftRunner, log: Logger) {
    this.#table = new FamilyTable(layoutOf(settings), nft, log);
    this.setNode(settings);
  }

  /** `ip gantry_proxy` */
  get table(): string {
    return this.#table.name;
  }

  setNode(settings: NodeSettings): void {
    this.#nodeIps = settings.nodeIps;
    this.#table.setLayout(layoutOf(settings));
    const ips = settings.nodePorts === 'everywhere' ? [anyAddress(settings.family)] : settings.nodePorts;
    this.#table.update(
      NODE_PORT_IPS,
      ips.map(key => ({ container: 'node-port-ips', key })),
    );
    this.#table.update(
      SERVICE_CIDRS,
      settings.serviceCidrs.map(key => ({ container: 'service-cidrs', key })),
    );
  }

  update(key: string, service: CompiledService): void {
    this.#table.update(key, serviceElements(service, this.#nodeIps));
  }

  distrust(): void {
    this.#table.distrust();
  }

  apply(signal?: AbortSignal): Promise<Applied> {
    return this.#table.apply(signal);
  }
}

function anyAddress(family: IpFamily): string {
  return family === 4 ? '0.0.0.0' : '::';
}

function layoutOf({ family, masqueradeBit, masqueradeAll, localPods, nodePorts }: NodeSettings): LayoutSettings {
  const local = localMatch(localPods, family);
  return {
    family,
    masqueradeBit,
    masqueradeAll,
    fromLocalPod: local?.is,
    notFromLocalPod: local?.isNot,
    nodePortsEverywhere: nodePorts === 'everywhere',
  };
}
