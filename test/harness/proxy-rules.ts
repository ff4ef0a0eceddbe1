import { pino } from 'pino';
import type { Service } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import type { IpFamily } from '../../src/base/cidr.ts';
import type { Applied, FamilyRules } from '../../src/proxy/act/family-rules.ts';
import { IptablesRules } from '../../src/proxy/act/iptables-rules.ts';
import { IpvsRules } from '../../src/proxy/act/ipvs-rules.ts';
import type { LoopbackRoute } from '../../src/proxy/act/loopback-route.ts';
import { NftablesRules } from '../../src/proxy/act/nftables-rules.ts';
import { choiceOf } from '../../src/proxy/compile/chains.ts';
import { type CompiledService, compileService } from '../../src/proxy/compile/compiled-service.ts';
import { SCOPES } from '../../src/proxy/compile/element.ts';
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

export function ipvsRules(
  settings: NodeSettings,
  tracer: IpvsTracer,
  excludeCidrs: readonly string[] = [],
  loopback: LoopbackRoute = new TracedLoopback(),
): IpvsRules {
  return new IpvsRules(settings, {
    iptables: tracer.iptables,
    kernel: tracer,
    loopback,
    scheduler: 'rr',
    excludeCidrs,
  });
}

/** The kernel's setting as a field. */
export class TracedLoopback implements LoopbackRoute {
  value = false;
  readonly isOpen = (): boolean => this.value;
  open(): void {
    this.value = true;
  }
  close(): void {
    this.value = false;
  }
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

/** Of what is chosen by number. */
const LISTS = new RegExp(`^(${SCOPES.join('|')})-(endpoints|sticky-slots)$`);

/**
 * Without what depends on the order in which it came: the numbers of endpoints, and which endpoints have a number that nobody throws. Those are of a service that wants an
 * address which another one has, with fewer endpoints.
 */
function nftContents(tracer: NftTracer, table: string): Record<string, string[]> {
  const names = tracer.containers(table).filter(name => !name.endsWith('-affinity'));
  const counts = new Map<string, number>();
  for (const name of names)
    for (const [key, verdict] of tracer.elements(table, name)) {
      const choice = choiceOf(verdict.replace(/^goto /, ''));
      const list = choice?.stickySeconds === undefined ? 'endpoints' : 'sticky-slots';
      if (choice !== undefined) counts.set(`${choice.scope}-${list} ${key}`, choice.count);
    }
  return Object.fromEntries(
    names.map(name => {
      const elements = [...tracer.elements(table, name)];
      if (!LISTS.test(name)) return [name, elements.map(([key, value]) => `${key} ${value}`).sort()];
      return [
        name,
        elements
          .map(([key, value]) => {
            const [, front = '', high = '', low = ''] = /^(.*) \. ([0-9a-f]+):([0-9a-f]+)$/.exec(key) ?? [];
            const slot = Number.parseInt(high, 16) * 0x1_0000 + Number.parseInt(low, 16);
            return `${front} ${slot < (counts.get(`${name} ${front}`) ?? 0) ? value : 'which nobody chooses'}`;
          })
          .sort(),
      ];
    }),
  );
}

function iptablesMode(settings: NodeSettings, random: (limit: number) => number): TracedMode {
  const tracer = new IptablesTracer(random);
  return {
    rules: new IptablesRules(settings, tracer, false, new TracedLoopback()),
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
