import { closeSync, openSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { faultPoint } from '../../linux/fault-point.ts';
import { NetlinkError } from '../../linux/netlink/socket.ts';
import { netnsInode } from '../../linux/netns.ts';
import { type AllocatedAddress, planAllocation } from '../host-local/plan.ts';
import { AddressJournal, type JournalTransaction } from '../journal/journal.ts';
import { entryKey, type JournalEntry } from '../journal/state.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { NAME_PATTERN } from '../protocol/network-list.ts';
import { type CniPlugin, checkRequest, type PluginRequest } from '../protocol/plugin.ts';
import type { CniResult } from '../protocol/result.ts';
import { CNI_VERSIONS } from '../protocol/versions.ts';
import { BridgeApplier, type VethPlace } from './apply.ts';
import { type BridgeConfig, parseBridgeConfig, refuseAddressArgs } from './config.ts';
import { hostPortConflict } from './host-ports.ts';
import { isAlive } from './liveness.ts';
import { hostLinkName, planBridge, planPod, planResult } from './plan.ts';
import { closeHostPorts, openHostPorts, publishedIn } from './publish-ports.ts';

/** After DEL the caller takes the namespace away and the kernel its links, in about 20 ms. What is left after this time is removed by us. */
const SWEEP_DELAY_MS = 1000;

export interface GantryBridgeOptions {
  readonly journalDir: string;
  readonly bootId: string;
  /** Told when the clean-up in the background failed; it is tried again with the next DEL, ADD or prune. */
  readonly warn: (message: string, error: unknown) => void;
}

type Taken =
  | { readonly kind: 'taken'; readonly addresses: readonly AllocatedAddress[] }
  | { readonly kind: 'in-the-way'; readonly entries: readonly JournalEntry[] };

/** The plugin `gantry-bridge`; README.md tells the order of the steps and why an address is never in two hands. */
export class GantryBridge implements CniPlugin {
  readonly #options: GantryBridgeOptions;
  readonly #journals = new Map<string, AddressJournal>();
  #applier: BridgeApplier | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(options: GantryBridgeOptions) {
    this.#options = options;
  }

  async add(request: PluginRequest): Promise<CniResult> {
    checkRequest(request, 'ADD');
    refuseAddressArgs(request.args);
    const config = parseBridgeConfig(request.config);
    const inode = netnsInode(request.netns);
    if (inode === undefined) throw new CniError(CNI_ERROR.invalidNetns, `${request.netns} is not a network namespace`);
    const fd = openSync(request.netns, 'r');
    try {
      return this.#add(config, request, inode, fd);
    } catch (error) {
      throw asCniError(error);
    } finally {
      closeSync(fd);
    }
  }

  async del(request: PluginRequest): Promise<void> {
    checkRequest(request, 'DEL');
    const network = networkName(request);
    try {
      this.#del(network, entryKey(request.containerId, request.ifname));
    } catch (error) {
      throw asCniError(error);
    }
  }

  async version(): Promise<readonly string[]> {
    return CNI_VERSIONS;
  }

  /** Gives up every attachment of containers that are not in `keep`, and of namespaces that are gone, with its link and addresses. */
  async prune(keep: ReadonlySet<string>): Promise<void> {
    for (const network of AddressJournal.networks(this.#options.journalDir)) {
      const journal = this.#journal(network);
      journal.transaction(transaction => {
        for (const [key, entry] of [...transaction.state.entries])
          if (entry.state !== 'releasing' && (!keep.has(entry.containerId) || !isAlive(entry)))
            transaction.append({ op: 'release', key });
      });
      await this.#sweep(journal);
    }
  }

  close(): void {
    clearTimeout(this.#sweepTimer);
    for (const journal of this.#journals.values()) journal.close();
    this.#journals.clear();
    this.#applier?.close();
    this.#applier = undefined;
  }

  #add(config: BridgeConfig, request: PluginRequest, inode: number, netnsFd: number): CniResult {
    const { containerId, ifname, netns } = request;
    const key = entryKey(containerId, ifname);
    const journal = this.#journal(config.network);
    const take = (): Taken => journal.transaction(transaction => this.#take(transaction, config, request, inode));
    let taken = take();
    if (taken.kind === 'in-the-way') {
      for (const entry of taken.entries) this.#finish(journal, entry);
      taken = take();
    }
    if (taken.kind === 'in-the-way')
      throw new CniError(
        CNI_ERROR.tryAgainLater,
        `an earlier attachment of ${containerId} ${ifname} is still going away`,
      );
    faultPoint('cni/add/address-taken');
    const pod = planPod(config, containerId, ifname, taken.addresses);
    try {
      const plan = planBridge(config);
      const place = { bridge: this.#apply.ensureBridge(plan.bridge), mtu: config.mtu, ifname, netnsFd };
      this.#apply.ensureRules(plan.masquerade);
      this.#createPair(pod, place, netns);
      faultPoint('cni/add/link-made');
      const near = this.#apply.configurePair(pod, place, config.hairpin);
      faultPoint('cni/add/link-configured');
      openHostPorts(this.#apply, journal, config, taken.addresses);
      faultPoint('cni/add/ports-opened');
      journal.transaction(transaction => transaction.append({ op: 'ready', key }));
      const seen = { ifname, netns, bridgeMac: place.bridge.mac, hostMac: near.mac, mtu: near.mtu };
      return planResult(config, pod, seen, taken.addresses);
    } catch (error) {
      journal.transaction(transaction => transaction.append({ op: 'release', key }));
      if (config.hostPorts.length > 0) closeHostPorts(this.#apply, journal);
      this.#finish(journal, { containerId, ifname, hostLink: pod.hostLink });
      throw error;
    }
  }

  /** Under the lock: refuses duplicates, names what must be cleared away first, or takes one address out of each pool. */
  #take(transaction: JournalTransaction, config: BridgeConfig, request: PluginRequest, inode: number): Taken {
    const { containerId, ifname, netns } = request;
    const { state } = transaction;
    const own = state.entries.get(entryKey(containerId, ifname));
    if (own?.state === 'ready' && isAlive(own))
      throw new CniError(
        CNI_ERROR.internal,
        `${own.ips.join(', ')} has been allocated to ${containerId} ${ifname}, duplicate allocation is not allowed`,
      );
    const inTheWay = [...state.entries.values()].filter(
      entry => entry === own || (entry.state === 'releasing' && entry.netns === netns && entry.ifname === ifname),
    );
    if (inTheWay.length > 0) {
      for (const entry of inTheWay)
        transaction.append({ op: 'release', key: entryKey(entry.containerId, entry.ifname) });
      return { kind: 'in-the-way', entries: inTheWay };
    }
    const plan = (): ReturnType<typeof planAllocation> =>
      planAllocation({ sets: config.rangeSets, taken: state.taken, last: state.last });
    let allocation = plan();
    if (allocation.kind === 'exhausted') {
      this.#reclaim(transaction);
      allocation = plan();
    }
    if (allocation.kind === 'exhausted')
      throw new CniError(
        CNI_ERROR.tryAgainLater,
        `no IP addresses available in range set: ${allocation.range} (network ${config.network}, ${state.entries.size} in use)`,
      );
    const ips = allocation.addresses.map(({ ip }) => ip);
    const conflict = hostPortConflict({ containerId, ips, hostPorts: config.hostPorts }, publishedIn(state));
    if (conflict !== undefined) throw new CniError(CNI_ERROR.tryAgainLater, conflict);
    transaction.append({
      op: 'take',
      containerId,
      ifname,
      netns,
      netnsInode: inode,
      hostLink: hostLinkName(containerId, ifname),
      ips,
      ...(config.hostPorts.length === 0 ? {} : { hostPorts: config.hostPorts }),
    });
    return { kind: 'taken', addresses: allocation.addresses };
  }

  /** Frees what nobody can use any more: entries of vanished namespaces whose links are gone too. */
  #reclaim(transaction: JournalTransaction): void {
    for (const [key, entry] of [...transaction.state.entries]) {
      if (entry.state !== 'releasing' && isAlive(entry)) continue;
      if (entry.state !== 'releasing') transaction.append({ op: 'release', key });
      if (!this.#apply.hasLink(entry.hostLink)) transaction.append({ op: 'free', key });
    }
  }

  #createPair(pod: ReturnType<typeof planPod>, place: VethPlace, netns: string): void {
    try {
      this.#apply.createPair(pod, place);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === 'EEXIST')) throw error;
      if (!this.#apply.hasLink(pod.hostLink))
        throw new CniError(CNI_ERROR.internal, `a link named ${place.ifname} exists already in ${netns}`);
      // The name is made from container id and ifname, and the journal says that nobody has it: a journal was removed by hand.
      this.#apply.removeLink(pod.hostLink);
      this.#apply.createPair(pod, place);
    }
  }

  #del(network: string, key: string): void {
    const journal = this.#journal(network);
    const entry = journal.transaction(transaction => {
      const found = transaction.state.entries.get(key);
      if (found !== undefined && found.state !== 'releasing') transaction.append({ op: 'release', key });
      return found;
    });
    if (entry === undefined) return;
    faultPoint('cni/del/released');
    if (entry.hostPorts !== undefined) closeHostPorts(this.#apply, journal);
    const isLeft = this.#apply.mute(entry.hostLink);
    faultPoint('cni/del/quarantined');
    if (isLeft) this.#sweepLater();
    else this.#free(journal, entry);
  }

  /** Removes the link, however long the kernel takes, and frees the addresses. */
  #finish(journal: AddressJournal, entry: Pick<JournalEntry, 'containerId' | 'ifname' | 'hostLink'>): void {
    this.#apply.removeLink(entry.hostLink);
    this.#free(journal, entry);
  }

  /** Frees the addresses of a releasing entry whose link is gone; anything else stays as it is. */
  #free(
    journal: AddressJournal,
    { containerId, ifname, hostLink }: Pick<JournalEntry, 'containerId' | 'ifname' | 'hostLink'>,
  ): void {
    const key = entryKey(containerId, ifname);
    journal.transaction(transaction => {
      if (transaction.state.entries.get(key)?.state !== 'releasing' || this.#apply.hasLink(hostLink)) return;
      faultPoint('cni/del/link-gone');
      transaction.append({ op: 'free', key });
      faultPoint('cni/del/address-released');
    });
  }

  #sweepLater(): void {
    this.#sweepTimer ??= setTimeout(() => {
      this.#sweepTimer = undefined;
      const sweepAll = async (): Promise<void> => {
        for (const journal of this.#journals.values()) await this.#sweep(journal);
      };
      sweepAll().catch((error: unknown) => this.#options.warn('links of removed pods could not be cleaned up', error));
    }, SWEEP_DELAY_MS).unref();
  }

  /** Ends what DEL began. One link at a time with a turn of the event loop between, since each removal stands still for 20 ms. */
  async #sweep(journal: AddressJournal): Promise<void> {
    const releasing = journal.transaction(({ state }) =>
      [...state.entries.values()].filter(entry => entry.state === 'releasing'),
    );
    if (releasing.some(({ hostPorts }) => hostPorts !== undefined)) closeHostPorts(this.#apply, journal);
    for (const entry of releasing) {
      if (!this.#journals.has(journal.network)) return;
      this.#finish(journal, entry);
      await nextTurn();
    }
  }

  #journal(network: string): AddressJournal {
    let journal = this.#journals.get(network);
    if (journal === undefined) {
      journal = AddressJournal.open(this.#options.journalDir, network, this.#options.bootId);
      this.#journals.set(network, journal);
    }
    return journal;
  }

  get #apply(): BridgeApplier {
    this.#applier ??= new BridgeApplier();
    return this.#applier;
  }
}

/** DEL needs no more of the configuration than this, so that it works when the rest has become invalid. */
function networkName(request: PluginRequest): string {
  const name = request.config['name'];
  if (typeof name !== 'string' || !NAME_PATTERN.test(name))
    throw new CniError(CNI_ERROR.invalidConfig, `field name: ${JSON.stringify(name)} is missing or has odd characters`);
  return name;
}

function asCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const wrapped = new CniError(CNI_ERROR.internal, `gantry-bridge: ${text}`);
  wrapped.cause = error;
  return wrapped;
}
