import { errnoName, GantryError } from '../../base/errors.ts';
import { deleteLink, getLink } from '../../linux/netlink/links.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import type { SavedSets } from '../compile/ipvs/sets.ts';
import { isOwnedServer } from '../compile/ipvs/virtual-server.ts';
import { tableOf } from '../compile/layout.ts';
import { removalText } from '../compile/xtables/restore-text.ts';
import type { SavedTables } from '../compile/xtables/saved-tables.ts';
import { type IptablesRunner, iptablesRunner } from './iptables.ts';
import { IPVS_LINK, type OpenIpvs, openIpvs, runSets, savedSets } from './ipvs.ts';
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
 * Takes away what iptables and IPVS mode made, where this program made it: another proxy's has the same names. Safe to repeat, and nothing where iptables is
 * not installed. The chain that says whose it is goes last.
 */
export async function removeIptablesRules(signal?: AbortSignal): Promise<void> {
  const ours: { readonly runner: IptablesRunner; readonly saved: SavedTables }[] = [];
  for (const family of FAMILIES)
    for (const backend of BACKENDS) {
      const runner = iptablesRunner(family, backend);
      const saved = await runner.save(signal).catch(ifInstalled);
      if (saved?.isOurs === true) ours.push({ runner, saved });
    }
  if (ours.length === 0) return;
  for (const { runner, saved } of ours) await runner.restore([removalText(saved, 'but-the-mark')], signal);
  await removeIpvs(signal);
  for (const { runner } of ours) await runner.restore([removalText(await runner.save(signal))], signal);
}

/** Takes away the link, servers and sets of IPVS mode. Rules that ask the sets have to be gone. Safe to repeat. */
export async function removeIpvs(signal?: AbortSignal): Promise<void> {
  const links = NetlinkSocket.open();
  try {
    if (getLink(links, IPVS_LINK) === undefined) return;
    const sets = (await savedSets(signal).catch(ifInstalled)) ?? new Map();
    removeServers(sets);
    const names = [...sets.keys()];
    if (names.length > 0) await runSets(names.map(name => `destroy ${name}\n`).join(''), signal);
    deleteLink(links, IPVS_LINK);
  } finally {
    links.close();
  }
}

function removeServers(sets: SavedSets): void {
  let kernel: OpenIpvs;
  try {
    kernel = openIpvs();
  } catch (error) {
    // not loaded: there are no servers
    if (error instanceof GantryError && error.code === 'failed-precondition') return;
    throw error;
  }
  try {
    for (const family of FAMILIES)
      for (const server of kernel.servers(family))
        if (isOwnedServer(server, sets, family)) kernel.change({ verb: 'delete', server });
  } finally {
    kernel.close();
  }
}

/** What this program has put into the kernel beside tables of nftables, by name; empty where that is nothing. Changes nothing. */
export async function iptablesTraces(signal?: AbortSignal): Promise<readonly string[]> {
  const runners = FAMILIES.flatMap(family => BACKENDS.map(backend => ({ family, backend })));
  const found = await Promise.all(
    runners.map(async ({ family, backend }) => {
      const saved = await iptablesRunner(family, backend).save(signal).catch(ifInstalled);
      return saved?.isOurs === true
        ? [`the chains KUBE-* of ${family === 4 ? 'iptables' : 'ip6tables'}${backend}`]
        : [];
    }),
  );
  return found.flat();
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
