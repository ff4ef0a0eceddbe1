import type { IpFamily } from '../../src/base/cidr.ts';
import type { IpvsKernel } from '../../src/proxy/act/ipvs.ts';
import { ALL_SET_NAMES, parseSets, type SavedSets } from '../../src/proxy/compile/ipvs/sets.ts';
import {
  changeText,
  type PresentReal,
  type PresentServer,
  type ServerChange,
  serverKey,
  type VirtualServer,
} from '../../src/proxy/compile/ipvs/virtual-server.ts';
import { IptablesTracer, newState, type PacketState } from './iptables-tracer.ts';
import { isInCidr, type TracedEnd, type TracedPacket } from './traced.ts';

interface TracedSet {
  readonly form: string;
  readonly elements: Set<string>;
}

/**
 * What the kernel would do with IPVS mode's sets, rules, addresses and servers: takes commands as ipset does, and follows packets through the hooks that IPVS
 * stands at. What cannot be understood, or is not there when it is used, is an error.
 */
export class IpvsTracer implements IpvsKernel {
  readonly iptables: IptablesTracer;
  readonly #sets = new Map<string, TracedSet>();
  readonly #servers = new Map<string, { server: VirtualServer; reals: Map<string, PresentReal> }>();
  #addresses: Set<string> | undefined;
  /** Clients that stay with a real server, by server and client. */
  readonly #persistent = new Map<string, string>();
  readonly #random: (limit: number) => number;
  /** Addresses of the machine's other links. */
  readonly localIps = new Set<string>();
  /** What was done, in order, each in the words of the program that does such things. */
  readonly texts: string[] = [];
  /** Connections of real servers: `tcp 10.96.0.10:80 10.244.0.5:8080`. */
  readonly connections = new Map<string, number>();
  /** Called before each step: throws where the machine dies. */
  onStep: () => void = () => {};

  constructor(random: (limit: number) => number = () => 0) {
    this.#random = random;
    this.iptables = new IptablesTracer(random);
    this.iptables.sets = (set, parts, state) => this.#isMember(set, parts, state);
    this.iptables.onTable = () => this.onStep();
    this.iptables.onText = text => this.texts.push(text);
  }

  async runSets(text: string): Promise<void> {
    this.texts.push(text);
    for (const line of text.split('\n')) {
      if (line === '') continue;
      this.onStep();
      this.#setCommand(line);
    }
  }

  async savedSets(): Promise<SavedSets> {
    return parseSets(this.savedText(), new Set(ALL_SET_NAMES));
  }

  /** As `ipset save` writes it. */
  savedText(): string {
    return [...this.#sets]
      .map(([name, { form, elements }]) =>
        [`create ${name} ${form}`, ...[...elements].map(element => `add ${name} ${element}`), ''].join('\n'),
      )
      .join('');
  }

  servers(family: IpFamily): VirtualServer[] {
    return [...this.#servers.values()]
      .map(({ server }) => server)
      .filter(({ ip }) => ip.includes(':') === (family === 6));
  }

  present(server: VirtualServer): PresentServer {
    const found = this.#servers.get(serverKey(server));
    if (found === undefined) throw new Error(`no server ${serverKey(server)}`);
    const count = (key: string): number => this.connections.get(`${serverKey(server)} ${key}`) ?? 0;
    return {
      server: found.server,
      reals: [...found.reals].map(([key, real]) => ({ ...real, connections: count(key) })),
    };
  }

  change(change: ServerChange): void {
    this.onStep();
    this.texts.push(`${changeText(change)}\n`);
    const { server } = change;
    const key = serverKey(server);
    const found = this.#servers.get(key);
    if (change.verb === 'add') {
      if (found !== undefined) throw new Error(`${key} is there`);
      this.#servers.set(key, { server, reals: new Map() });
      return;
    }
    if (found === undefined) throw new Error(`no server ${key}`);
    if (change.verb === 'edit') found.server = server;
    else if (change.verb === 'delete') this.#servers.delete(key);
    else if ('real' in change) {
      const { real } = change;
      const name = `${real.ip} ${real.port}`.replace(/^(.*:.*) /, '[$1]:').replace(' ', ':');
      if (found.reals.has(name) === (change.verb === 'add-real')) throw new Error(`${change.verb} ${name}`);
      if (change.verb === 'delete-real') found.reals.delete(name);
      else found.reals.set(name, { ...real, connections: 0 });
    }
  }

  addresses(family: IpFamily): string[] | undefined {
    return this.#addresses === undefined
      ? undefined
      : [...this.#addresses].filter(ip => ip.includes(':') === (family === 6));
  }

  makeLink(): void {
    this.onStep();
    this.#addresses ??= new Set();
  }

  bind(ip: string): void {
    this.onStep();
    this.texts.push(`ip address add ${ip} dev kube-ipvs0\n`);
    if (this.#addresses === undefined) throw new Error('no link');
    this.#addresses.add(ip);
  }

  unbind(ip: string): void {
    this.onStep();
    this.texts.push(`ip address del ${ip} dev kube-ipvs0\n`);
    this.#addresses?.delete(ip);
  }

  close(): void {}

  forget(): void {
    this.#persistent.clear();
  }

  /** Sets, servers and addresses, sorted. */
  contents(): unknown {
    return {
      sets: Object.fromEntries([...this.#sets].map(([name, { elements }]) => [name, [...elements].sort()]).sort()),
      servers: Object.fromEntries(
        [...this.#servers]
          .map(
            ([key, { server, reals }]) =>
              [key, { server, reals: [...reals.values()].map(real => JSON.stringify(real)).sort() }] as const,
          )
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
      addresses: [...(this.#addresses ?? [])].sort(),
    };
  }

  trace(packet: TracedPacket): TracedEnd {
    const state = newState(packet);
    const end = (verdict: 'accept' | 'drop' | 'reject'): TracedEnd => ({
      verdict,
      destination: state.destination,
      port: state.port,
      masquerade: state.masquerade,
    });
    for (const ip of this.#addresses ?? []) this.iptables.localIps.add(ip);
    for (const ip of this.iptables.localIps) if (this.#addresses?.has(ip) !== true) this.iptables.localIps.delete(ip);
    for (const ip of this.localIps) this.iptables.localIps.add(ip);
    const isForMachine = this.iptables.localIps.has(packet.destination);
    if (packet.link === undefined) {
      this.iptables.hook('nat OUTPUT', state);
    } else {
      this.iptables.hook('nat PREROUTING', state);
      const verdict = this.iptables.hook(isForMachine ? 'filter INPUT' : 'filter FORWARD', state);
      if (verdict !== 'accept') return end(verdict);
    }
    const scheduled = isForMachine || packet.link === undefined ? this.#schedule(state) : 'none';
    if (scheduled === 'refused') return end('reject');
    if (scheduled === 'sent' || packet.link === undefined) {
      const verdict = this.iptables.hook('filter OUTPUT', state);
      if (verdict !== 'accept') return end(verdict);
    }
    if (scheduled === 'sent' || packet.link === undefined || !isForMachine)
      this.iptables.hook('nat POSTROUTING', state);
    if (scheduled === 'none' && packet.link === undefined && isForMachine)
      return end(this.iptables.hook('filter INPUT', state));
    return end('accept');
  }

  /** Where IPVS stands: it translates what it has a server for, and refuses what it has nobody for. */
  #schedule(state: PacketState): 'sent' | 'refused' | 'none' {
    const { protocol, source } = state.packet;
    const host = state.destination.includes(':') ? `[${state.destination}]` : state.destination;
    const key = `${protocol} ${host}:${state.port}`;
    const found = this.#servers.get(key);
    if (found === undefined) return 'none';
    const able = [...found.reals].filter(([, { weight }]) => weight > 0);
    const kept = this.#persistent.get(`${key} ${source}`);
    const [name, real] =
      able.find(([each]) => each === kept) ?? able[able.length === 0 ? 0 : this.#random(able.length)] ?? [];
    if (name === undefined || real === undefined) return 'refused';
    if (found.server.persistentSeconds > 0) this.#persistent.set(`${key} ${source}`, name);
    state.virtual = { protocol, ip: state.destination, port: state.port };
    state.destination = real.ip;
    state.port = real.port;
    state.isTranslated = true;
    return 'sent';
  }

  #setCommand(line: string): void {
    const [verb = '', name = '', ...rest] = line.split(' ');
    const element = rest.join(' ');
    if (verb === 'create') {
      const present = this.#sets.get(name);
      if (present !== undefined && present.form !== element) throw new Error(`${name} is there in another form`);
      if (present === undefined) this.#sets.set(name, { form: element, elements: new Set() });
      return;
    }
    const set = this.#sets.get(name);
    if (set === undefined) throw new Error(`no set ${name}: ${line}`);
    if (verb === 'add') set.elements.add(element);
    else if (verb === 'del') set.elements.delete(element);
    else if (verb === 'destroy') {
      if (this.iptables.saved().includes(`--match-set ${name} `)) throw new Error(`${name} is in use`);
      this.#sets.delete(name);
    } else if (verb === 'swap') {
      const other = this.#sets.get(element);
      if (other === undefined) throw new Error(`no set ${element}`);
      this.#sets.set(name, other).set(element, set);
    } else throw new Error(`not understood: ${line}`);
  }

  #isMember(name: string, parts: readonly string[], state: PacketState): boolean {
    const set = this.#sets.get(name);
    if (set === undefined) throw new Error(`no set ${name}`);
    const { source, protocol } = state.packet;
    const ip = (part: string | undefined): string => (part === 'src' ? source : state.destination);
    const [type = ''] = set.form.split(' ');
    if (type === 'bitmap:port') return set.elements.has(String(state.port));
    if (type === 'hash:ip') return set.elements.has(ip(parts[0]));
    const pair = `${ip(parts[0])},${protocol}:${state.port}`;
    if (type === 'hash:ip,port') return set.elements.has(pair);
    if (type === 'hash:ip,port,ip') return set.elements.has(`${pair},${ip(parts[2])}`);
    return [...set.elements].some(
      element => element.startsWith(`${pair},`) && isInNetwork(ip(parts[2]), element.slice(pair.length + 1)),
    );
  }
}

/** A network, or an address, which is a network of one. */
function isInNetwork(ip: string, text: string): boolean {
  return text.includes('/') ? isInCidr(ip, text) : ip === text;
}
