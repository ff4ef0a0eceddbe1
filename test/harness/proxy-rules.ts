import { pino } from 'pino';
import type { Service } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import type { IpFamily } from '../../src/base/cidr.ts';
import type { Applied, FamilyRules } from '../../src/proxy/act/family-rules.ts';
import { IptablesRules } from '../../src/proxy/act/iptables-rules.ts';
import { IpvsRules } from '../../src/proxy/act/ipvs-rules.ts';
import { NftablesRules } from '../../src/proxy/act/nftables-rules.ts';
import { type CompiledService, compileService } from '../../src/proxy/compile/compiled-service.ts';
import { tableOf } from '../../src/proxy/compile/layout.ts';
import type { NodeSettings } from '../../src/proxy/desired/node-settings.ts';
import type { ProxyMode } from '../../src/proxy/settings.ts';
import { IptablesTracer } from './iptables-tracer.ts';
import { IpvsTracer } from './ipvs-tracer.ts';
import { NftTracer } from './nft-tracer.ts';
import { endText, type TracedEnd, type TracedPacket } from './traced.ts';

export const NODE = 'node-a';
export const NODE_IPS = { 4: '192.168.0.2', 6: 'fd00:1::2' } as const;

export interface ProxyRulesOptions {
  readonly mode?: ProxyMode;
  readonly family?: IpFamily;
  readonly zone?: string;
  readonly node?: Partial<NodeSettings>;
  readonly random?: (limit: number) => number;
}

/** A kernel of one mode. */
interface TracedMode {
  readonly rules: FamilyRules;
  readonly localIps: Set<string>;
  readonly texts: readonly string[];
  trace(packet: TracedPacket): TracedEnd;
  /** As when the time of every client that stayed with an endpoint is over. */
  forget(): void;
  /** What stands in the kernel, without what depends on the order in which it came. */
  contents(): unknown;
}

/** The rules of a node in one family, without an API server and without a kernel: services and slices in, packets through. */
export class ProxyRules {
  readonly family: IpFamily;
  readonly #mode: TracedMode;
  readonly #compiled = new Map<string, CompiledService>();
  readonly #zone: string;

  constructor({ mode = 'nftables', family = 4, zone = '', node = {}, random = () => 0 }: ProxyRulesOptions = {}) {
    this.family = family;
    this.#zone = zone;
    const settings = nodeSettings(family, node);
    this.#mode = MODES[mode](settings, random);
    this.#mode.localIps.add(NODE_IPS[family]);
  }

  /** What the service is from now on; undefined takes it away. Nothing reaches the rules before `apply`. */
  set(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void {
    const { family } = this;
    const context = { family, node: { name: NODE, zone: this.#zone }, nodeIps: [NODE_IPS[family]] };
    const after = compileService(service, slices, context, this.#compiled.get(key));
    if (service === undefined) this.#compiled.delete(key);
    else this.#compiled.set(key, after);
    this.#mode.rules.update(key, after);
  }

  setNode(node: Partial<NodeSettings>): void {
    this.#mode.rules.setNode(nodeSettings(this.family, node));
  }

  apply(): Promise<Applied> {
    return this.#mode.rules.apply();
  }

  distrust(): void {
    this.#mode.rules.distrust();
  }

  /** The text of each transaction. */
  get texts(): readonly string[] {
    return this.#mode.texts;
  }

  contents(): unknown {
    return this.#mode.contents();
  }

  forget(): void {
    this.#mode.forget();
  }

  trace(packet: TracedPacket): TracedEnd {
    return this.#mode.trace(packet);
  }

  /** Every endpoint that the packet can come to, each once, and how it ends otherwise. */
  ends(packet: TracedPacket, tries = 60): string[] {
    const found = new Set<string>();
    for (let i = 0; i < tries; i += 1) found.add(endText(this.trace(packet), packet));
    return [...found].sort();
  }
}

export function nodeSettings(family: IpFamily, node: Partial<NodeSettings> = {}): NodeSettings {
  return {
    family,
    masqueradeBit: 14,
    masqueradeAll: false,
    localPods: { kind: 'cidrs', cidrs: [family === 4 ? '10.244.0.0/16' : 'fd00:244::/64'] },
    nodePorts: [NODE_IPS[family]],
    localhostNodePorts: false,
    serviceCidrs: [],
    nodeIps: [NODE_IPS[family]],
    machineIps: [NODE_IPS[family]],
    ...node,
  };
}

const MODES: Readonly<Record<ProxyMode, (settings: NodeSettings, random: (limit: number) => number) => TracedMode>> = {
  nftables: nftablesMode,
  iptables: iptablesMode,
  ipvs: ipvsMode,
};

function ipvsMode(settings: NodeSettings, random: (limit: number) => number): TracedMode {
  const tracer = new IpvsTracer(random);
  return {
    rules: ipvsRules(settings, tracer),
    localIps: tracer.localIps,
    texts: tracer.texts,
    trace: packet => tracer.trace(packet),
    forget: () => tracer.forget(),
    contents: () => ipvsContents(tracer),
  };
}

export function ipvsRules(settings: NodeSettings, tracer: IpvsTracer, excludeCidrs: readonly string[] = []): IpvsRules {
  return new IpvsRules(settings, { iptables: tracer.iptables, kernel: tracer, scheduler: 'rr', excludeCidrs });
}

export function ipvsContents(tracer: IpvsTracer): unknown {
  return { ipvs: tracer.contents(), chains: iptablesContents(tracer.iptables) };
}

function nftablesMode(settings: NodeSettings, random: (limit: number) => number): TracedMode {
  const tracer = new NftTracer(random);
  const table = tableOf(settings.family);
  return {
    rules: new NftablesRules(settings, tracer, pino({ level: 'silent' })),
    localIps: tracer.localIps,
    texts: tracer.texts,
    trace: packet => tracer.trace(table, packet),
    forget: () => tracer.forget(table),
    contents: () => nftContents(tracer, table),
  };
}

/** Without the numbers of endpoints: those depend on the order in which they came. */
function nftContents(tracer: NftTracer, table: string): Record<string, string[]> {
  const names = tracer.containers(table).filter(name => !name.endsWith('-affinity'));
  const isNumbered = (name: string): boolean =>
    /-(endpoints|sticky-slots)$/.test(name) && !/sticky-endpoints|^no-/.test(name);
  return Object.fromEntries(
    names.map(name => [
      name,
      [...tracer.elements(table, name)]
        .map(([key, value]) => `${isNumbered(name) ? key.replace(/ \. \S+$/, '') : key} ${value}`)
        .sort(),
    ]),
  );
}

function iptablesMode(settings: NodeSettings, random: (limit: number) => number): TracedMode {
  const tracer = new IptablesTracer(random);
  return {
    rules: new IptablesRules(settings, tracer, false),
    localIps: tracer.localIps,
    texts: tracer.texts,
    trace: packet => tracer.trace(packet),
    forget: () => tracer.forget(),
    contents: () => iptablesContents(tracer),
  };
}

/** The order of chains in a table is that in which they were made. */
export function iptablesContents(tracer: IptablesTracer): Record<string, readonly string[]> {
  return Object.fromEntries(
    ['nat', 'filter', 'mangle'].flatMap(table =>
      tracer
        .chains(table)
        .toSorted()
        .map(chain => [`${table} ${chain}`, tracer.rules(table, chain) ?? []] as const),
    ),
  );
}
