import {
  ALL_JUMPS,
  isProxyChain,
  KUBELET_CANARY_CHAIN,
  KUBELET_FIREWALL_CHAIN,
  LOOPBACK_OPENED_CHAIN,
  MARK_MASQ_CHAIN,
  type Table,
} from './chains.ts';
import { comment } from './matches.ts';

const TABLES: readonly Table[] = ['nat', 'filter', 'mangle'];
const JUMP = / -[jg] (KUBE-\S+)/;

/** On the rule of KUBE-MARK-MASQ: the chains of proxies are this program's, not those of another one with the same names. */
export const OURS = comment('kubernetes service traffic marked by gantry');

/** What stands in a table, as far as a proxy has to know. */
export interface SavedTable {
  /** Chains that are a proxy's by their name. */
  readonly chains: Set<string>;
  /** Rules of other chains that lead into one of those, in order: `-A FORWARD … -j KUBE-FORWARD`. */
  readonly jumps: string[];
}

/**
 * Reads what iptables-save writes, piece by piece. Rules of a proxy's chains are passed over: of ten thousand services they are many megabytes, and are
 * written anew anyway.
 */
export class SavedTables {
  readonly #tables = new Map<Table, SavedTable>(TABLES.map(table => [table, { chains: new Set<string>(), jumps: [] }]));
  #table: Table | undefined;
  #rest = '';
  #isOurs = false;
  #hasKubeletCanary = false;

  static of(text: string): SavedTables {
    const saved = new SavedTables();
    saved.push(text);
    return saved;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  table(table: Table): SavedTable {
    const found = this.#tables.get(table);
    if (found !== undefined && !this.#hasKubeletCanary) return found;
    return {
      chains: new Set([...(found?.chains ?? [])].filter(each => !this.#isKubelets(each))),
      jumps: found?.jumps ?? [],
    };
  }

  /** Whether this program made the chains. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** Whether the route to the loopback was closed before a proxy of ours opened it. */
  get hasOpenedLoopback(): boolean {
    return this.#tables.get('filter')?.chains.has(LOOPBACK_OPENED_CHAIN) === true;
  }

  #line(line: string): void {
    if (line.startsWith('*')) this.#table = TABLES.find(table => line === `*${table}`);
    const table = this.#table;
    const saved = table === undefined ? undefined : this.#tables.get(table);
    if (table === undefined || saved === undefined) return;
    if (line.startsWith(':')) {
      const name = line.slice(1, line.indexOf(' '));
      if (table === 'mangle' && name === KUBELET_CANARY_CHAIN) this.#hasKubeletCanary = true;
      if (isProxyChain(table, name)) saved.chains.add(name);
    } else if (line.startsWith('-A ')) {
      const chain = line.slice(3, line.indexOf(' ', 3));
      if (chain === MARK_MASQ_CHAIN && line.includes(OURS)) this.#isOurs = true;
      if (isProxyChain(table, chain)) return;
      const target = JUMP.exec(line)?.[1];
      if (target !== undefined && isProxyChain(table, target)) saved.jumps.push(line);
    }
  }

  /** A kubelet of upstream looks after this chain where it runs: it is left to it. */
  #isKubelets(chain: string): boolean {
    return chain === KUBELET_FIREWALL_CHAIN && this.#hasKubeletCanary;
  }
}

/** Whether a line of iptables-save is a jump that a proxy makes. */
export function isProxyJump(table: Table, line: string): boolean {
  return ALL_JUMPS.some(jump => jump.table === table && line === `-A ${jump.from} ${jump.rule}`);
}
