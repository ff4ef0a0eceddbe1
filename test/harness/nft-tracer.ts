import { fnv32a } from '../../src/base/hash.ts';
import type { NftRunner } from '../../src/proxy/act/nft.ts';
import { isInCidr, type TracedEnd, type TracedPacket } from './traced.ts';

interface Table {
  readonly containers: Map<string, { readonly spec: string; readonly elements: Map<string, string> }>;
  readonly chains: Map<string, { base: { type: string; hook: string; priority: number } | undefined; rules: string[] }>;
}

interface State {
  readonly packet: TracedPacket;
  destination: string;
  port: number;
  mark: number;
  priority: string;
  isTranslated: boolean;
  masquerade: boolean;
}

type Verdict = 'continue' | 'accept' | 'drop' | 'reject';

/**
 * What the kernel would do with rules, for those words of nft's that this project uses: takes commands as `nft -f` does, all of a text or none, and
 * follows packets through the chains. An unknown word is an error, so nothing passes unread.
 */
export class NftTracer implements NftRunner {
  #tables = new Map<string, Table>();
  readonly #random: (limit: number) => number;
  /** Addresses of the machine. */
  readonly localIps = new Set<string>();
  /** The commands of each text, in order. */
  readonly texts: string[] = [];

  constructor(random: (limit: number) => number = () => 0) {
    this.#random = random;
  }

  async run(_table: string, text: string): Promise<void> {
    this.texts.push(text);
    const before = structuredClone(this.#tables);
    try {
      for (const line of text.split('\n')) if (line !== '') this.#command(line);
    } catch (error) {
      this.#tables = before;
      throw error;
    }
  }

  async chainsOf(table: string): Promise<Set<string> | undefined> {
    const found = this.#tables.get(table);
    return found === undefined ? undefined : new Set(found.chains.keys());
  }

  close(): void {}

  /** The elements of a set or map. */
  elements(table: string, container: string): ReadonlyMap<string, string> {
    return this.#container(table, container).elements;
  }

  /** As when the time of every client that stayed with an endpoint is over. */
  forget(table: string): void {
    for (const { spec, elements } of this.#table(table).containers.values())
      if (spec.includes('timeout')) elements.clear();
  }

  containers(table: string): string[] {
    return [...this.#table(table).containers.keys()];
  }

  rules(table: string): Map<string, readonly string[]> {
    return new Map([...this.#table(table).chains].map(([name, { rules }]) => [name, rules]));
  }

  trace(tableName: string, packet: TracedPacket): TracedEnd {
    const table = this.#table(tableName);
    const state: State = {
      packet,
      destination: packet.destination,
      port: packet.port,
      mark: 0,
      priority: 'none',
      isTranslated: false,
      masquerade: false,
    };
    const end = (verdict: Verdict): TracedEnd => ({
      verdict: verdict === 'continue' ? 'accept' : verdict,
      destination: state.destination,
      port: state.port,
      masquerade: state.masquerade,
    });
    const through = (hook: string): Verdict => this.#hook(table, hook, state);
    const isRefused = (hook: string): boolean => {
      verdict = through(hook);
      return verdict === 'drop' || verdict === 'reject';
    };
    let verdict: Verdict = 'accept';
    if (isRefused(packet.link === undefined ? 'output' : 'prerouting')) return end(verdict);
    const isForMachine = this.localIps.has(state.destination);
    if (packet.link !== undefined && !isForMachine && isRefused('forward')) return end(verdict);
    if (packet.link === undefined || !isForMachine) through('postrouting');
    // what the machine sends to itself comes back in
    if (isForMachine && isRefused('input')) return end(verdict);
    return end('accept');
  }

  #hook(table: Table, hook: string, state: State): Verdict {
    const bases = [...table.chains]
      .filter(([, { base }]) => base?.hook === hook)
      .sort(([, a], [, b]) => (a.base?.priority ?? 0) - (b.base?.priority ?? 0));
    for (const [name] of bases) {
      const verdict = this.#chain(table, name, state);
      if (verdict === 'drop' || verdict === 'reject') return verdict;
    }
    return 'accept';
  }

  #chain(table: Table, name: string, state: State): Verdict {
    const chain = table.chains.get(name);
    if (chain === undefined) throw new Error(`no chain ${name}`);
    for (const rule of chain.rules) {
      const result = this.#rule(table, rule, state);
      if (result.kind === 'verdict') return result.verdict;
      if (result.kind === 'goto') return this.#chain(table, result.chain, state);
      if (result.kind === 'jump') {
        const verdict = this.#chain(table, result.chain, state);
        if (verdict !== 'continue') return verdict;
      }
    }
    return 'continue';
  }

  #rule(table: Table, rule: string, state: State): RuleResult {
    let rest = rule;
    while (rest !== '') {
      const step = this.#statement(table, rest, state);
      if (step.kind !== 'next') return step;
      rest = rest.slice(step.length).trimStart();
    }
    return { kind: 'none' };
  }

  /** The statement at the beginning of the text. `none`: it does not match, so the rest of the rule is not looked at. */
  #statement(table: Table, text: string, state: State): RuleResult | { kind: 'next'; length: number } {
    const take = (pattern: RegExp): RegExpExecArray | null => atBeginning(pattern.source).exec(text);
    const when = (holds: boolean, match: RegExpExecArray): RuleResult | { kind: 'next'; length: number } =>
      holds ? { kind: 'next', length: match[0].length } : { kind: 'none' };
    const elementsOf = (name = ''): Map<string, string> => {
      const container = table.containers.get(name);
      if (container === undefined) throw new Error(`no set or map ${name}`);
      return container.elements;
    };
    let match = take(/ct state new/);
    if (match) return when(true, match);
    match = take(/ct status dnat/);
    if (match) return when(state.isTranslated, match);
    match = take(/fib (daddr|saddr) type local/);
    if (match)
      return when(
        match[1] === 'daddr'
          ? this.localIps.has(state.destination)
          : state.packet.link === undefined || this.localIps.has(state.packet.source),
        match,
      );
    match = take(/iifname (!= )?"([^"]*)"/);
    if (match) {
      const wanted = match[2] ?? '';
      const link = state.packet.link ?? '';
      const isIt = wanted.endsWith('*') ? link.startsWith(wanted.slice(0, -1)) : link === wanted;
      return when(isIt === (match[1] === undefined), match);
    }
    match = take(/meta mark and (0x[0-9a-f]+) != 0/);
    if (match) return when((state.mark & Number(match[1])) !== 0, match);
    match = take(/meta mark set (?:meta )?mark (or|xor) (0x[0-9a-f]+)/);
    if (match) {
      const bit = Number(match[2]);
      state.mark = match[1] === 'or' ? state.mark | bit : state.mark ^ bit;
      return when(true, match);
    }
    match = take(/meta priority set numgen random mod (\d+)/);
    if (match) {
      state.priority = classId(this.#random(Number(match[1])));
      return when(true, match);
    }
    match = take(new RegExp(`meta priority set (${HASH})`));
    if (match) {
      state.priority = keyOf(match[1] ?? '', state);
      return when(true, match);
    }
    match = take(new RegExp(`meta priority set (${KEY}) map @([a-z-]+)`));
    if (match) {
      const value = elementsOf(match[2]).get(keyOf(match[1] ?? '', state));
      if (value === undefined) return { kind: 'none' };
      state.priority = value;
      return when(true, match);
    }
    match = take(new RegExp(`update @([a-z-]+) \\{ (${KEY}) timeout \\d+s : meta priority \\}`));
    if (match) {
      const elements = elementsOf(match[1]);
      const key = keyOf(match[2] ?? '', state);
      // as the kernel does: what is there keeps its value
      if (!elements.has(key)) elements.set(key, state.priority);
      return when(true, match);
    }
    match = take(new RegExp(`delete @([a-z-]+) \\{ (${KEY}) : meta priority \\}`));
    if (match) {
      elementsOf(match[1]).delete(keyOf(match[2] ?? '', state));
      return when(true, match);
    }
    match = take(new RegExp(`dnat ip6? to (${KEY}) map @([a-z-]+)`));
    if (match) {
      const value = elementsOf(match[2]).get(keyOf(match[1] ?? '', state));
      if (value === undefined) return { kind: 'none' };
      const [ip = '', port = ''] = value.split(' . ');
      state.destination = ip;
      state.port = Number(port);
      state.isTranslated = true;
      return { kind: 'verdict', verdict: 'accept' };
    }
    match = take(new RegExp(`(${KEY}) vmap @([a-z-]+)`));
    if (match) {
      const value = elementsOf(match[2]).get(keyOf(match[1] ?? '', state));
      if (value === undefined) return when(true, match);
      return verdictOf(value);
    }
    match = take(new RegExp(`(${KEY}) (!= )?(@[a-z-]+|\\{ [^}]* \\}|[0-9a-f.:/]+|tcp)`));
    if (match) {
      const key = keyOf(match[1] ?? '', state);
      const against = match[3] ?? '';
      const members = against.startsWith('@')
        ? [...elementsOf(against.slice(1)).keys()]
        : against.replace(/^\{ | \}$/g, '').split(', ');
      return when(members.some(member => isMember(key, member)) === (match[2] === undefined), match);
    }
    match = take(/reject with tcp reset/);
    if (match) return { kind: 'verdict', verdict: 'reject' };
    match = take(/masquerade fully-random/);
    if (match) {
      state.masquerade = true;
      return { kind: 'verdict', verdict: 'accept' };
    }
    return verdictOf(text);
  }

  #command(line: string): void {
    const [, verb = '', kind = '', table = '', rest = ''] =
      /^(add|delete|flush) (table|set|map|chain|rule|element) (ip6? \S+) ?(.*)$/.exec(line) ?? [];
    const name = rest.split(' ')[0] ?? '';
    const tail = rest.slice(name.length).trim();
    switch (`${verb} ${kind}`) {
      case 'add table':
        if (!this.#tables.has(table)) this.#tables.set(table, { containers: new Map(), chains: new Map() });
        return;
      case 'delete table':
        this.#table(table);
        this.#tables.delete(table);
        return;
      case 'add set':
      case 'add map': {
        const known = this.#table(table).containers.get(name);
        if (known !== undefined && known.spec !== tail) throw new Error(`${name} is there with another type`);
        if (known === undefined) this.#table(table).containers.set(name, { spec: tail, elements: new Map() });
        return;
      }
      case 'flush set':
      case 'flush map':
        this.#container(table, name).elements.clear();
        return;
      case 'add chain':
        this.#addChain(this.#table(table), name, tail);
        return;
      case 'flush chain':
        this.#chainOf(table, name).rules = [];
        return;
      case 'delete chain':
        this.#chainOf(table, name);
        this.#table(table).chains.delete(name);
        return;
      case 'add rule':
        this.#chainOf(table, name).rules.push(tail);
        return;
      case 'add element':
      case 'delete element':
        this.#changeElements(table, name, verb === 'add', tail.slice(2, -2).split(', '));
        return;
      default:
        throw new Error(`not understood: ${line}`);
    }
  }

  #addChain(table: Table, name: string, tail: string): void {
    const [, type = '', hook = '', text = ''] = /^\{ type (\S+) hook (\S+) priority (.*); \}$/.exec(tail) ?? [];
    if (tail !== '' && type === '') throw new Error(`not understood: chain ${name} ${tail}`);
    const base = tail === '' ? undefined : { type, hook, priority: priorityOf(text) };
    const known = table.chains.get(name);
    if (known === undefined) table.chains.set(name, { base, rules: [] });
    else if (base !== undefined && JSON.stringify(base) !== JSON.stringify(known.base))
      throw new Error(`the chain ${name} is there on another hook`);
  }

  #changeElements(tableName: string, name: string, isAdded: boolean, texts: readonly string[]): void {
    const { elements } = this.#container(tableName, name);
    for (const text of texts) {
      const [key = '', value = ''] = text.split(' : ');
      const known = elements.get(key);
      if (!isAdded) {
        if (known === undefined) throw new Error(`no element ${key} in ${name}`);
        elements.delete(key);
        continue;
      }
      if (known !== undefined && known !== value) throw new Error(`the element ${key} of ${name} is ${known} already`);
      const verdict = /^(?:goto|jump) (.*)$/.exec(value)?.[1];
      if (verdict !== undefined) this.#chainOf(tableName, verdict);
      elements.set(key, value);
    }
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }

  #container(table: string, name: string): { elements: Map<string, string> } {
    const container = this.#table(table).containers.get(name);
    if (container === undefined) throw new Error(`no set or map ${name}`);
    return container;
  }

  #chainOf(table: string, name: string): { rules: string[] } {
    const chain = this.#table(table).chains.get(name);
    if (chain === undefined) throw new Error(`no chain ${name}`);
    return chain;
  }
}

type RuleResult = { kind: 'none' } | { kind: 'verdict'; verdict: Verdict } | { kind: 'goto' | 'jump'; chain: string };

const PATTERNS = new Map<string, RegExp>();

/** Made once each: a packet asks for them some hundred times. */
function atBeginning(source: string): RegExp {
  const known = PATTERNS.get(source) ?? new RegExp(`^(?:${source})(?= |$)`);
  PATTERNS.set(source, known);
  return known;
}

const FIELD = '(?:ip6? saddr|ip6? daddr|meta l4proto|th dport|meta priority)';
const FIELDS = `${FIELD}(?: \\. ${FIELD})*`;
const HASH = `jhash ${FIELDS} mod \\d+ seed 0x[0-9a-f]+`;
const KEY = `(?:${FIELDS}|${HASH})`;

function keyOf(fields: string, state: State): string {
  if (fields.startsWith('jhash ')) return classId(fnv32a(keyOf(fields.replace(/^jhash | mod .*$/g, ''), state)));
  const values: Readonly<Record<string, string>> = {
    saddr: state.packet.source,
    daddr: state.destination,
    l4proto: state.packet.protocol,
    dport: String(state.port),
    priority: state.priority,
  };
  return fields
    .split(' . ')
    .map(field => values[field.split(' ')[1] ?? ''] ?? '')
    .join(' . ');
}

/** Whether a key is the member, or lies in it: each part of a member may be a network. */
function isMember(key: string, member: string): boolean {
  const keys = key.split(' . ');
  const members = member.split(' . ');
  return keys.every((part, index) => {
    const other = members[index] ?? '';
    return other.includes('/') ? isInCidr(part, other) : part === other;
  });
}

function verdictOf(text: string): RuleResult {
  const [, word, chain] = /^(goto|jump) (\S+)$/.exec(text) ?? [];
  if (chain !== undefined) return { kind: word === 'goto' ? 'goto' : 'jump', chain };
  if (text === 'drop' || text === 'reject') return { kind: 'verdict', verdict: text };
  throw new Error(`not understood: ${text}`);
}

function classId(value: number): string {
  return `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
}

function priorityOf(text: string): number {
  const names: Readonly<Record<string, number>> = { dstnat: -100, filter: 0, srcnat: 100 };
  return text
    .split(' - ')
    .map(part => names[part] ?? Number(part))
    .reduce((a, b) => a - b);
}
