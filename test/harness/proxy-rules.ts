import { pino } from 'pino';
import type { Service } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import type { IpFamily } from '../../src/base/cidr.ts';
import { FamilyTable } from '../../src/proxy/act/family-table.ts';
import { type LayoutSettings, tableOf } from '../../src/proxy/compile/layout.ts';
import { type CompiledService, compileService } from '../../src/proxy/compile/service-elements.ts';
import { NftTracer, type TracedEnd, type TracedPacket } from './nft-tracer.ts';

export const NODE = 'node-a';
export const NODE_IPS = { 4: '192.168.0.2', 6: 'fd00:1::2' } as const;

export interface ProxyRulesOptions {
  readonly family?: IpFamily;
  readonly zone?: string;
  readonly layout?: Partial<LayoutSettings>;
  readonly random?: (limit: number) => number;
}

/** The rules of a node in one family, without an API server and without a kernel: services and slices in, packets through. */
export class ProxyRules {
  readonly family: IpFamily;
  readonly tracer: NftTracer;
  readonly table: FamilyTable;
  readonly #compiled = new Map<string, CompiledService>();
  readonly #zone: string;

  constructor({ family = 4, zone = '', layout = {}, random = () => 0 }: ProxyRulesOptions = {}) {
    this.family = family;
    this.#zone = zone;
    this.tracer = new NftTracer(random);
    const ip = family === 4 ? 'ip' : 'ip6';
    const pods = family === 4 ? '10.244.0.0/16' : 'fd00:244::/64';
    const settings: LayoutSettings = {
      family,
      masqueradeBit: 14,
      masqueradeAll: false,
      fromLocalPod: `${ip} saddr ${pods}`,
      notFromLocalPod: `${ip} saddr != ${pods}`,
      nodePortsEverywhere: false,
      ...layout,
    };
    this.table = new FamilyTable(settings, this.tracer, pino({ level: 'silent' }));
    this.tracer.localIps.add(NODE_IPS[family]);
    this.table.update('#node-port-ips', [{ container: 'node-port-ips', key: NODE_IPS[family] }]);
  }

  /** What the service is from now on; undefined takes it away. Nothing reaches the rules before `apply`. */
  set(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void {
    const { family } = this;
    const context = { family, node: { name: NODE, zone: this.#zone }, nodeIps: [NODE_IPS[family]] };
    const after = compileService(service, slices, context, this.#compiled.get(key));
    if (service === undefined) this.#compiled.delete(key);
    else this.#compiled.set(key, after);
    this.table.update(key, after.elements);
  }

  trace(packet: TracedPacket): TracedEnd {
    return this.tracer.trace(tableOf(this.family), packet);
  }

  /** Every endpoint that the packet can come to, each once, and how it ends otherwise. */
  ends(packet: TracedPacket, tries = 60): string[] {
    const found = new Set<string>();
    for (let i = 0; i < tries; i += 1) found.add(endText(this.trace(packet), packet));
    return [...found].sort();
  }
}

/** `10.244.0.5:8080`, with `masquerade`; `drop`, `reject`; `pass` for what is left alone. */
export function endText({ verdict, destination, port, masquerade }: TracedEnd, packet: TracedPacket): string {
  if (verdict !== 'accept') return verdict;
  if (destination === packet.destination && port === packet.port) return 'pass';
  const host = destination.includes(':') ? `[${destination}]` : destination;
  return `${host}:${port}${masquerade ? ' masquerade' : ''}`;
}
