import { errnoName, GantryError } from '../../base/errors.ts';
import { tableOf } from '../compile/layout.ts';
import { removalText } from '../compile/xtables/restore-text.ts';
import { iptablesRunner } from './iptables.ts';
import { type NftRunner, openNft, removeTables } from './nft.ts';

const FAMILIES = [4, 6] as const;
/** Both backends: which of them `iptables` is may have changed since. */
const BACKENDS = ['-nft', '-legacy'] as const;

/** Takes the tables of nftables mode away. Safe to repeat, and nothing where nftables is not installed. */
export async function removeNftablesRules(): Promise<void> {
  const tables = FAMILIES.map(tableOf);
  const nft = openIfInstalled(tables);
  if (nft === undefined) return;
  try {
    await removeTables(nft, tables);
  } finally {
    nft.close();
  }
}

/**
 * Takes the chains of iptables and IPVS mode away, and what leads to them, where this program made them: another proxy's have the same names. Safe to repeat, and
 * nothing where iptables is not installed.
 */
export async function removeIptablesRules(signal?: AbortSignal): Promise<void> {
  for (const family of FAMILIES)
    for (const backend of BACKENDS) {
      const runner = iptablesRunner(family, backend);
      const saved = await runner.save(signal).catch(ifInstalled);
      if (saved?.isOurs !== true) continue;
      await runner.restore([removalText(saved)], signal);
    }
}

function openIfInstalled(tables: readonly string[]): NftRunner | undefined {
  try {
    return openNft(tables, () => {});
  } catch (error) {
    if (error instanceof GantryError && error.code === 'failed-precondition') return undefined;
    throw error;
  }
}

function ifInstalled(error: unknown): undefined {
  if (error instanceof GantryError && errnoName(error.cause) === 'ENOENT') return;
  throw error;
}
