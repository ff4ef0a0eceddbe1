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
import { loopbackRoute } from './loopback-route.ts';
import { type NftRunner, openNft, removeTables } from './nft.ts';

const FAMILIES = [4, 6] as const;
/** Both backends: which of them `iptables` is may have changed since. */
const BACKENDS = ['-nft', '-legacy'] as const;
const PROXY_TABLES = ['nat', 'filter', 'mangle'] as const;

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
  const found = await savedRules(signal);
  const ours = found.filter(({ saved }) => saved.isOurs);
  if (ours.length === 0) return;
  // before the chain goes that keeps others from it
  if (ours.some(({ saved }) => saved.hasOpenedLoopback)) loopbackRoute().close();
  for (const { runner, saved } of ours) await runner.restore([removalText(saved, 'but-the-mark')], signal);
  await removeIpvs(signal);
  for (const { runner } of ours) await runner.restore([removalText(await runner.save(signal))], signal);
}

interface SavedRules {
  /** As people call it. */
  readonly name: string;
  readonly runner: IptablesRunner;
  readonly saved: SavedTables;
}

async function savedRules(signal?: AbortSignal): Promise<readonly SavedRules[]> {
  const found = await Promise.all(
    FAMILIES.flatMap(family => BACKENDS.map(backend => ({ family, backend }))).map(async ({ family, backend }) => {
      const runner = iptablesRunner(family, backend);
      const saved = await runner.save(signal).catch(ifInstalled);
      return saved === undefined
        ? []
        : [{ name: `${family === 4 ? 'iptables' : 'ip6tables'}${backend}`, runner, saved }];
    }),
  );
  return found.flat();
}

/** What IPVS mode left where somebody has flushed all chains, the one that says whose it is among them. For a machine that is to have no proxy at all. Safe to repeat. */
export async function removeStrayIpvs(signal?: AbortSignal): Promise<void> {
  if (isIpvsStray(await savedRules(signal))) await removeIpvs(signal);
}

/** The link is there and no chain of a proxy is, as after `iptables -F` and `-X`: no proxy works with it any more. */
function isIpvsStray(found: readonly SavedRules[]): boolean {
  if (found.some(({ saved }) => PROXY_TABLES.some(table => saved.table(table).chains.size > 0))) return false;
  const links = NetlinkSocket.open();
  try {
    return getLink(links, IPVS_LINK) !== undefined;
  } finally {
    links.close();
  }
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

export interface IptablesTraces {
  /** What this program has put into the kernel beside tables of nftables, by name; empty where that is nothing. */
  readonly chains: readonly string[];
  /** Whether packets are routed from and to the loopback: opened by who made these chains, which says so in them, or by nobody knows whom. */
  readonly loopback: 'closed' | 'opened-by-them' | 'open';
}

/** What a proxy in iptables or IPVS mode has left. Changes nothing. */
export async function iptablesTraces(signal?: AbortSignal): Promise<IptablesTraces> {
  const found = await savedRules(signal);
  const ours = found.filter(({ saved }) => saved.isOurs);
  const isKnown = ours.some(({ saved }) => saved.hasOpenedLoopback);
  return {
    chains: isIpvsStray(found)
      ? [`the link ${IPVS_LINK}, with its servers and sets`]
      : ours.map(({ name }) => `the chains KUBE-* of ${name}`),
    loopback: !loopbackRoute().isOpen() ? 'closed' : isKnown ? 'opened-by-them' : 'open',
  };
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
