import type { IpFamily } from '../../base/cidr.ts';
import { ipFamily } from '../../base/cidr.ts';
import { errnoName, failedPrecondition, internalError } from '../../base/errors.ts';
import { runCommand } from '../../linux/command.ts';
import { addAddress, listAddresses, removeAddress } from '../../linux/netlink/addresses.ts';
import { NETLINK_GENERIC } from '../../linux/netlink/generic.ts';
import { Ipvs } from '../../linux/netlink/ipvs.ts';
import { createDummy, getLink } from '../../linux/netlink/links.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import { ALL_SET_NAMES, parseSets, type SavedSets } from '../compile/ipvs/sets.ts';
import type { PresentServer, ServerChange, VirtualServer } from '../compile/ipvs/virtual-server.ts';

/** The link that carries the addresses of services, by upstream's name. */
export const IPVS_LINK = 'kube-ipvs0';

const TIMEOUT_MS = 120_000;
const NAMES: ReadonlySet<string> = new Set(ALL_SET_NAMES);

/** What IPVS mode does to the kernel beside iptables. */
export interface IpvsKernel {
  /** As `runSets`. */
  runSets(text: string, signal?: AbortSignal): Promise<void>;
  /** As `savedSets`. */
  savedSets(signal?: AbortSignal): Promise<SavedSets>;
  /** The servers of a family, without their real servers. */
  servers(family: IpFamily): VirtualServer[];
  /** One of them with its real servers. */
  present(server: VirtualServer): PresentServer;
  change(change: ServerChange): void;
  /** The addresses of a family on the link; undefined where there is no link. */
  addresses(family: IpFamily): string[] | undefined;
  /** Makes the link where it is not there. It tells that there may be sets and servers too: it comes before them, and goes after. */
  makeLink(): void;
  /** Puts an address on the link. */
  bind(ip: string): void;
  unbind(ip: string): void;
  close(): void;
}

/**
 * Makes the kernel load IPVS where that is a module: it finds that of a scheduler by itself, and this one not. That of dummy links it would find, which then makes a link
 * `dummy0` that nobody wants.
 */
export async function loadIpvs(): Promise<void> {
  for (const words of [['ip_vs'], ['dummy', 'numdummies=0']])
    await runCommand('modprobe', words, { timeoutMs: TIMEOUT_MS }).catch(() => undefined);
}

/** Opens IPVS in this network namespace. Throws `failed-precondition` where the kernel has none, or has not loaded it. */
export function openIpvs(): OpenIpvs {
  const links = NetlinkSocket.open();
  const generic = NetlinkSocket.open(NETLINK_GENERIC);
  const ipvs = Ipvs.open(generic);
  if (ipvs !== undefined) return { ipvs, ...kernelOf(ipvs, links, generic) };
  links.close();
  generic.close();
  throw failedPrecondition('this kernel has no IPVS (the module ip_vs): use the mode nftables or iptables');
}

export interface OpenIpvs extends IpvsKernel {
  readonly ipvs: Ipvs;
}

function kernelOf(ipvs: Ipvs, links: NetlinkSocket, generic: NetlinkSocket): IpvsKernel {
  const index = (): number | undefined => getLink(links, IPVS_LINK)?.index;
  return {
    runSets,
    savedSets,
    servers: family => ipvs.services().filter(({ ip }) => ipFamily(ip) === family),
    present: server => ({ server, reals: ipvs.destinations(server) }),
    change: change => carryOut(ipvs, change),
    addresses(family) {
      const link = index();
      if (link === undefined) return undefined;
      return listAddresses(links)
        .filter(({ linkIndex, ip }) => linkIndex === link && ipFamily(ip) === family && !ip.startsWith('fe80:'))
        .map(({ ip }) => ip);
    },
    makeLink() {
      if (index() === undefined) createDummy(links, IPVS_LINK);
    },
    bind(ip) {
      const link = index();
      if (link !== undefined) addAddress(links, link, ip, ipFamily(ip) === 4 ? 32 : 128);
    },
    unbind(ip) {
      const link = index();
      if (link !== undefined) removeAddress(links, { linkIndex: link, ip, prefix: ipFamily(ip) === 4 ? 32 : 128 });
    },
    close() {
      links.close();
      generic.close();
    },
  };
}

function carryOut(ipvs: Ipvs, change: ServerChange): void {
  if (change.verb === 'delete') ipvs.deleteService(change.server);
  else if (!('real' in change)) ipvs.addService(change.server);
  else if (change.verb === 'delete-real') ipvs.deleteDestination(change.server, change.real);
  else ipvs.addDestination(change.server, change.real);
}

/** Runs commands of ipset's, one after another until one fails. */
export async function runSets(text: string, signal?: AbortSignal): Promise<void> {
  await ipset(['restore', '-exist'], { input: text, ...(signal === undefined ? {} : { signal }) });
}

/** The sets of both families that are a proxy's by their names. Throws `failed-precondition` where ipset is not installed. */
export async function savedSets(signal?: AbortSignal): Promise<SavedSets> {
  return parseSets(await ipset(['save'], signal === undefined ? {} : { signal }), NAMES);
}

async function ipset(
  args: readonly string[],
  options: { readonly input?: string; readonly signal?: AbortSignal },
): Promise<string> {
  try {
    const result = await runCommand('ipset', args, { ...options, timeoutMs: TIMEOUT_MS, maxOutputBytes: 256 << 20 });
    if (result.code !== 0) throw internalError(`ipset ${args[0]}: ${result.stderr.toString('utf8').trim()}`);
    return result.stdout.toString('utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT')
      throw failedPrecondition('ipset is not there: install the Debian package ipset', { cause: error });
    throw error;
  }
}
