import type { IptablesRunner } from '../../src/proxy/act/iptables.ts';
import { SavedTables } from '../../src/proxy/compile/xtables/saved-tables.ts';
import { isInCidr, type TracedEnd, type TracedPacket } from './traced.ts';

interface Chain {
  readonly rules: string[];
}

type Verdict = 'continue' | 'return' | 'accept' | 'drop' | 'reject';

export interface PacketState {
  readonly packet: TracedPacket;
  destination: string;
  port: number;
  mark: number;
  isTranslated: boolean;
  masquerade: boolean;
  /** What IPVS translated it from. */
  virtual?: { readonly protocol: string; readonly ip: string; readonly port: number };
}

const BASE_CHAINS: Readonly<Record<string, readonly string[]>> = {
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
};

/** Whether a set holds those parts of a packet that a match asks for (`dst,dst`). */
type SetLookup = (set: string, parts: readonly string[], state: PacketState) => boolean;

/**
 * What the kernel would do with rules, for those words of iptables' that this project uses: takes text as `iptables-restore --noflush` does, each table
 * all of it or none, writes it out as iptables-save, and follows packets through the chains. An unknown word is an error, so nothing passes unread.
 */
export class IptablesTracer implements IptablesRunner {
  readonly #tables = new Map<string, Map<string, Chain>>(
    Object.entries(BASE_CHAINS).map(([table, chains]) => [table, new Map(chains.map(name => [name, { rules: [] }]))]),
  );
  /** Clients that a list of `recent` remembers. */
  readonly #recent = new Map<string, Set<string>>();
  readonly #random: (limit: number) => number;
  /** Addresses of the machine. */
  readonly localIps = new Set<string>();
  /** The text of each call, in order. */
  readonly texts: string[] = [];
  sets: SetLookup = set => {
    throw new Error(`no set ${set}`);
  };
  /** Called before each table takes effect: throws where the machine dies. */
  onTable: () => void = () => {};
  onText: (text: string) => void = () => {};

  /** `random` of 1/n: 0 where the rule shall match. */
  constructor(random: (limit: number) => number = () => 0) {
    this.#random = random;
  }

  async restore(text: Iterable<string>): Promise<void> {
    const all = [...text].join('');
    this.texts.push(all);
    this.onText(all);
    for (const [, table = '', body = ''] of all.matchAll(/^\*(\w+)\n([\s\S]*?)^COMMIT\n/gm)) {
      this.onTable();
      const changed = new Map([...this.#table(table)].map(([name, { rules }]) => [name, { rules: [...rules] }]));
      for (const line of body.split('\n')) if (line !== '') this.#command(changed, line);
      this.#checkTargets(table, changed);
      this.#tables.set(table, changed);
    }
  }

  async save(): Promise<SavedTables> {
    return SavedTables.of(this.saved());
  }

  async hasCanaries(): Promise<boolean> {
    return ['mangle', 'nat', 'filter'].every(table => this.#table(table).has('KUBE-PROXY-CANARY'));
  }

  /** As iptables-save writes it. */
  saved(): string {
    return [...this.#tables]
      .map(([table, chains]) => {
        const heads = [...chains.keys()].map(name => `:${name} ${this.#isBase(table, name) ? 'ACCEPT' : '-'} [0:0]\n`);
        const rules = [...chains].flatMap(([name, { rules: all }]) => all.map(rule => `-A ${name} ${rule}\n`));
        return `*${table}\n${heads.join('')}${rules.join('')}COMMIT\n`;
      })
      .join('');
  }

  /** The rules of a chain; undefined where it is not there. */
  rules(table: string, chain: string): readonly string[] | undefined {
    return this.#table(table).get(chain)?.rules;
  }

  chains(table: string): string[] {
    return [...this.#table(table).keys()];
  }

  forget(): void {
    this.#recent.clear();
  }

  trace(packet: TracedPacket): TracedEnd {
    const state = newState(packet);
    const end = (verdict: 'accept' | 'drop' | 'reject'): TracedEnd => ({
      verdict,
      destination: state.destination,
      port: state.port,
      masquerade: state.masquerade,
    });
    const isLocal = packet.link === undefined;
    const hooks = [`nat ${isLocal ? 'OUTPUT' : 'PREROUTING'}`, ...(isLocal ? ['filter OUTPUT'] : [])];
    for (const hook of hooks) {
      const verdict = this.hook(hook, state);
      if (verdict !== 'accept') return end(verdict);
    }
    const isForMachine = this.localIps.has(state.destination);
    if (!isLocal && !isForMachine) {
      const verdict = this.hook('filter FORWARD', state);
      if (verdict !== 'accept') return end(verdict);
    }
    if (isLocal || !isForMachine) this.hook('nat POSTROUTING', state);
    if (isForMachine) {
      const verdict = this.hook('filter INPUT', state);
      if (verdict !== 'accept') return end(verdict);
    }
    return end('accept');
  }

  /** A packet at a hook (`nat PREROUTING`). */
  hook(name: string, state: PacketState): 'accept' | 'drop' | 'reject' {
    const [table = '', chain = ''] = name.split(' ');
    const verdict = this.#chain(table, chain, state);
    return verdict === 'continue' || verdict === 'return' ? 'accept' : verdict;
  }

  #chain(table: string, name: string, state: PacketState): Verdict {
    for (const rule of this.#table(table).get(name)?.rules ?? []) {
      const verdict = this.#rule(table, rule, state);
      if (verdict === 'return') return 'continue';
      if (verdict !== 'continue') return verdict;
    }
    return 'continue';
  }

  #rule(table: string, rule: string, state: PacketState): Verdict {
    const words = wordsOf(rule);
    while (words.length > 0) {
      const isNot = words[0] === '!';
      if (isNot) words.shift();
      const word = words.shift() ?? '';
      if (word === '-j') return this.#target(table, words, state);
      const holds = word === '-m' ? this.#match(words, state) : this.#option(word, words, state);
      if (holds === isNot) return 'continue';
    }
    return 'continue';
  }

  /** Matches that are no module's: true where it holds. */
  #option(word: string, words: string[], state: PacketState): boolean {
    const value = words.shift() ?? '';
    switch (word) {
      case '-s':
        return isInCidr(state.packet.source, value);
      case '-d':
        return isInCidr(state.destination, value);
      case '-p':
        return state.packet.protocol === value;
      case '-i': {
        const link = state.packet.link ?? '';
        return value.endsWith('+') ? link.startsWith(value.slice(0, -1)) : link === value;
      }
      default:
        throw new Error(`not understood: ${word} ${value}`);
    }
  }

  #match(words: string[], state: PacketState): boolean {
    const name = words.shift() ?? '';
    const option = (wanted: string): string => {
      if (words.shift() !== wanted) throw new Error(`${name}: ${wanted} expected`);
      return words.shift() ?? '';
    };
    const flipped = (): boolean => {
      if (words[0] !== '!') return false;
      words.shift();
      return true;
    };
    switch (name) {
      case 'comment':
        option('--comment');
        return true;
      case 'tcp':
      case 'udp':
      case 'sctp':
        if (words[0] !== '--dport') return true;
        return state.port === Number(option('--dport'));
      case 'conntrack': {
        const isNot = flipped();
        const states = option('--ctstate').split(',');
        return (states.includes('NEW') || (states.includes('DNAT') && state.isTranslated)) !== isNot;
      }
      case 'mark': {
        const isNot = flipped();
        const [value = 0, mask = 0] = option('--mark').split('/').map(Number);
        return ((state.mark & mask) === value) !== isNot;
      }
      case 'addrtype': {
        const isNot = flipped();
        const isSource = words[0] === '--src-type';
        if (option(isSource ? '--src-type' : '--dst-type') !== 'LOCAL') throw new Error('addrtype: LOCAL expected');
        const isLocal = isSource
          ? state.packet.link === undefined || this.localIps.has(state.packet.source)
          : this.localIps.has(state.destination);
        return isLocal !== isNot;
      }
      case 'statistic': {
        option('--mode');
        return this.#random(Math.round(1 / Number(option('--probability')))) === 0;
      }
      case 'recent':
        return this.#recently(words, state);
      case 'ipvs': {
        const protocol = option('--vproto');
        const network = option('--vaddr');
        const port = Number(option('--vport'));
        const { virtual } = state;
        return virtual?.protocol === protocol && virtual.port === port && isInCidr(virtual.ip, network);
      }
      case 'set': {
        const isNot = flipped();
        const set = option('--match-set');
        const parts = (words.shift() ?? '').split(',');
        return this.sets(set, parts, state) !== isNot;
      }
      default:
        throw new Error(`not understood: -m ${name}`);
    }
  }

  #recently(words: string[], state: PacketState): boolean {
    const verb = words.shift();
    if (verb === '--rcheck') words.splice(0, 3);
    const [name = ''] = words.splice(0, 5).slice(1);
    const list = this.#recent.get(name) ?? new Set();
    this.#recent.set(name, list);
    if (verb === '--set') list.add(state.packet.source);
    return list.has(state.packet.source);
  }

  #target(table: string, words: string[], state: PacketState): Verdict {
    const [target = '', option = '', value = ''] = words;
    switch (target) {
      case 'ACCEPT':
        return 'accept';
      case 'DROP':
        return 'drop';
      case 'REJECT':
        return 'reject';
      case 'RETURN':
        return 'return';
      case 'MARK': {
        if (option !== '--set-xmark') throw new Error(`MARK ${option}`);
        const [bits = 0, mask = 0] = value.split('/').map(Number);
        state.mark = (state.mark & ~mask) ^ bits;
        return 'continue';
      }
      case 'DNAT': {
        const [, ip = '', port = ''] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(value) ?? [];
        state.destination = ip;
        state.port = Number(port);
        state.isTranslated = true;
        return 'accept';
      }
      case 'MASQUERADE':
        if (option !== '' && option !== '--random-fully') throw new Error(`MASQUERADE ${option}`);
        state.masquerade = true;
        return 'accept';
      default:
        return this.#chain(table, target, state);
    }
  }

  #command(chains: Map<string, Chain>, line: string): void {
    const [, head = '', name = '', tail = ''] = /^(:|-[AIDX] )(\S+) ?(.*)$/.exec(line) ?? [];
    const chain = chains.get(name);
    if (head === ':') {
      if (tail !== '- [0:0]') throw new Error(`not understood: ${line}`);
      if (Object.values(BASE_CHAINS).some(names => names.includes(name))) throw new Error(`${name} would be emptied`);
      chains.set(name, { rules: [] });
      return;
    }
    if (chain === undefined) throw new Error(`no chain ${name}: ${line}`);
    if (name.length > 28) throw new Error(`the name ${name} is too long`);
    switch (head) {
      case '-A ':
        chain.rules.push(tail);
        return;
      case '-I ':
        chain.rules.unshift(tail);
        return;
      case '-D ': {
        const at = chain.rules.indexOf(tail);
        if (at < 0) throw new Error(`no such rule: ${line}`);
        chain.rules.splice(at, 1);
        return;
      }
      case '-X ':
        if (chain.rules.length > 0) throw new Error(`${name} is not empty`);
        chains.delete(name);
        return;
      default:
        throw new Error(`not understood: ${line}`);
    }
  }

  #checkTargets(table: string, chains: ReadonlyMap<string, Chain>): void {
    for (const { rules } of chains.values())
      for (const rule of rules) {
        const target = / -j (KUBE-\S+)/.exec(` ${rule}`)?.[1];
        if (target !== undefined && !chains.has(target)) throw new Error(`no chain ${target} in ${table}: ${rule}`);
      }
  }

  #isBase(table: string, chain: string): boolean {
    return BASE_CHAINS[table]?.includes(chain) === true;
  }

  #table(name: string): Map<string, Chain> {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }
}

export function newState(packet: TracedPacket): PacketState {
  const { destination, port } = packet;
  return { packet, destination, port, mark: 0, isTranslated: false, masquerade: false };
}

/** The words of a rule; what is in quotes is one. */
function wordsOf(rule: string): string[] {
  return [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
