import { type Jump, MARK_MASQ_CHAIN, type Table } from './chains.ts';
import { isProxyJump, OURS, type SavedTables } from './saved-tables.ts';

/** The chains of each table with their rules, which stand without `-A chain`. */
export type Chains = ReadonlyMap<Table, ReadonlyMap<string, readonly string[]>>;

/**
 * Each table is a transaction. What leads to endpoints comes first, what refuses next; taken away, `nat` goes last, for its mark says whose chains they
 * are.
 */
const WRITTEN: readonly Table[] = ['nat', 'filter', 'mangle'];
const TAKEN_AWAY: readonly Table[] = ['mangle', 'filter', 'nat'];

/** A piece of text is about this long: pieces are written one after another, and others have their turn in between. */
const PIECE = 32_768;

/** The text for `iptables-restore --noflush` that brings some chains to these rules; undefined for one that has to go. Others stay as they are. */
export function* changesText(
  changes: ReadonlyMap<Table, ReadonlyMap<string, readonly string[] | undefined>>,
): Generator<string> {
  yield* inPieces(
    (function* () {
      for (const table of WRITTEN) {
        const chains = changes.get(table);
        if (chains !== undefined && chains.size > 0) yield* tableLines(table, () => chains, [], []);
      }
    })(),
  );
}

/** The same for everything: these chains and jumps, and nothing else of a proxy's, whatever stood there. */
export function* everythingText(wanted: Chains, jumps: readonly Jump[], saved: SavedTables): Generator<string> {
  yield* inPieces(
    (function* () {
      for (const table of WRITTEN) yield* wholeTableLines(table, wanted, jumps, saved);
    })(),
  );
}

/**
 * The text that takes all chains and jumps of proxies away; empty where there are none. `but-the-mark`: the chain that says whose they are stays, with
 * nothing that leads to it.
 */
export function removalText(saved: SavedTables, what: 'everything' | 'but-the-mark' = 'everything'): string {
  const kept: Chains = new Map(what === 'everything' ? [] : [['nat', new Map([[MARK_MASQ_CHAIN, [OURS]]])]]);
  const present = TAKEN_AWAY.filter(table => saved.table(table).chains.size + saved.table(table).jumps.length > 0);
  const lines = present.flatMap(table => [...wholeTableLines(table, kept, [], saved)]);
  return lines.map(line => `${line}\n`).join('');
}

function* wholeTableLines(table: Table, wanted: Chains, jumps: readonly Jump[], saved: SavedTables): Generator<string> {
  const { chains: present, jumps: led } = saved.table(table);
  const own = wanted.get(table) ?? new Map<string, readonly string[]>();
  const others = new Map<string, readonly string[] | undefined>();
  const lines = jumps.filter(jump => jump.table === table).map(({ from, rule }) => `${from} ${rule}`);
  const seen = new Set<string>();
  const stale: string[] = [];
  const foreign: string[] = [];
  for (const line of led) {
    const text = line.slice('-A '.length);
    if (!isProxyJump(table, line)) foreign.push(line);
    else if (lines.includes(text) && !seen.has(text)) seen.add(text);
    else stale.push(text);
  }
  for (const chain of present)
    if (!own.has(chain)) {
      // somebody else's rule leads there: the kernel keeps a chain as long as one does
      const isHeld = foreign.some(line => new RegExp(` -[jg] ${chain}( |$)`).test(line));
      others.set(chain, isHeld ? [] : undefined);
    }
  // not copied into one: of ten thousand services they are tens of thousands
  const all = function* (): Generator<readonly [string, readonly string[] | undefined]> {
    yield* own;
    yield* others;
  };
  yield* tableLines(
    table,
    all,
    lines.filter(line => !seen.has(line)),
    stale,
  );
}

function* tableLines(
  table: Table,
  chains: () => Iterable<readonly [string, readonly string[] | undefined]>,
  newJumps: readonly string[],
  staleJumps: readonly string[],
): Generator<string> {
  yield `*${table}`;
  // this line makes a chain, or empties it
  for (const [chain] of chains()) yield `:${chain} - [0:0]`;
  for (const [chain, rules = []] of chains()) for (const rule of rules) yield `-A ${chain} ${rule}`;
  for (const jump of staleJumps) yield `-D ${jump}`;
  for (const jump of newJumps) yield `-I ${jump}`;
  for (const [chain, rules] of chains()) if (rules === undefined) yield `-X ${chain}`;
  yield 'COMMIT';
}

function* inPieces(lines: Iterable<string>): Generator<string> {
  let piece = '';
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
