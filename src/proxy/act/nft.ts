import { errorMessage, internalError } from '../../base/errors.ts';
import { runCommand } from '../../linux/command.ts';
import { NftContext, oneLine } from '../../linux/nft.ts';
import { watchTables } from '../../linux/nft-events.ts';

/** Reading text takes libnftables some 0.3 µs a byte in which the event loop stands, so what is longer goes to a process of its own. */
const IN_PROCESS_BYTES = 12_000;
const TIMEOUT_MS = 120_000;

/** Runs transactions on a table (`ip gantry_proxy`), one at a time by the caller's care: all of it takes effect, or none. */
export interface NftRunner {
  run(table: string, text: string, signal?: AbortSignal): Promise<void>;
  /** The chains of a table (`ip gantry_proxy`); undefined where there is no such table. */
  chainsOf(table: string, signal?: AbortSignal): Promise<Set<string> | undefined>;
  close(): void;
}

/**
 * Runs them in the network namespace in which this was called. `onTouched` is told of tables that somebody else has changed. Throws `failed-precondition`
 * where nftables is missing.
 */
export function openNft(tables: readonly string[], onTouched: (table: string) => void): NftRunner {
  const context = NftContext.open();
  const watch = watchTables(tables, onTouched);
  return {
    run: (table, text, signal) =>
      watch.own(table, async () => {
        if (text.length <= IN_PROCESS_BYTES) context.run(text);
        else await nftCommand(['-f', '-'], { input: text, ...(signal === undefined ? {} : { signal }) });
      }),
    async chainsOf(table, signal) {
      const [family = ''] = table.split(' ');
      const text = await nftCommand(['list', 'chains', family], signal === undefined ? {} : { signal });
      return parseChains(text, table);
    },
    close() {
      watch.close();
      context.close();
    },
  };
}

async function nftCommand(
  args: readonly string[],
  options: { readonly input?: string; readonly signal?: AbortSignal },
): Promise<string> {
  const result = await runCommand('nft', args, { ...options, timeoutMs: TIMEOUT_MS });
  if (result.code !== 0) throw internalError(`nft ${args.join(' ')}: ${oneLine(result.stderr.toString('utf8'))}`);
  return result.stdout.toString('utf8');
}

/** Reads `nft list chains`. */
export function parseChains(text: string, table: string): Set<string> | undefined {
  let chains: Set<string> | undefined;
  let isInside = false;
  for (const line of text.split('\n')) {
    const [, opened] = /^table (\S+ \S+) \{$/.exec(line) ?? [];
    if (opened !== undefined) {
      isInside = opened === table;
      if (isInside) chains ??= new Set();
    }
    const [, chain] = /^\tchain (\S+) \{$/.exec(line) ?? [];
    if (isInside && chain !== undefined) chains?.add(chain);
  }
  return chains;
}

/** Takes the tables away; those that are not there are fine. */
export async function removeTables(nft: NftRunner, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    try {
      await nft.run(table, `add table ${table}\ndelete table ${table}\n`);
    } catch (error) {
      throw internalError(`the table ${table} cannot be removed: ${errorMessage(error)}`);
    }
  }
}
