import { closeSync, openSync } from 'node:fs';
import { faultPoint } from '../../linux/fault-point.ts';
import { NetlinkError } from '../../linux/netlink/socket.ts';
import { netnsInode } from '../../linux/netns.ts';
import { type AllocatedAddress, planAllocation } from '../host-local/plan.ts';
import { AddressJournal, type JournalTransaction } from '../journal/journal.ts';
import { entryKey, type JournalEntry } from '../journal/state.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { Fields, type JsonObject } from '../protocol/json.ts';
import { type CniPlugin, checkRequest, type PluginRequest } from '../protocol/plugin.ts';
import type { CniResult } from '../protocol/result.ts';
import { CNI_VERSIONS } from '../protocol/versions.ts';
import { BridgeApplier, type VethPlace } from './apply.ts';
import { checkAttachment } from './check.ts';
import { linksOf, orphans, validAttachments } from './collect.ts';
import {
  type BridgeConfig,
  DEFAULT_BRIDGE,
  networkName,
  parseBridgeConfig,
  refuseAddressArgs,
  statusFacts,
} from './config.ts';
import { hostPortConflict } from './host-ports.ts';
import { isAlive } from './liveness.ts';
import { egressLinkName, hostLinkName, planBridge, planPod, planResult } from './plan.ts';
import { closeHostPorts, forgetFlowsOf, hasUdpPorts, openHostPorts, publishedIn } from './publish-ports.ts';
import { ReleasedAttachments } from './released.ts';

export interface GantryBridgeOptions {
  readonly journalDir: string;
  readonly bootId: string;
  /** Names the runner where several share the journals; what one has attached, another one's prune and GC leave alone. */
  readonly runner?: string;
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
  readonly #released: ReleasedAttachments;
  #applier: BridgeApplier | undefined;

  constructor(options: GantryBridgeOptions) {
    this.#options = options;
    this.#released = new ReleasedAttachments(() => this.#apply, this.#journals, options.warn);
  }

  async add(request: PluginRequest): Promise<CniResult> {
    checkRequest(request, 'ADD');
    refuseAddressArgs(request.args);
    const config = parseBridgeConfig(request.config);
    const inode = netnsInode(request.netns);
    if (inode === undefined) throw new CniError(CNI_ERROR.invalidNetns, `${request.netns} is not a network namespace`);
    const fd = openSync(request.netns, 'r');
    try {
      return await this.#add(config, request, inode, fd);
    } catch (error) {
      throw asCniError(error);
    } finally {
      closeSync(fd);
    }
  }

  async del(request: PluginRequest): Promise<void> {
    checkRequest(request, 'DEL');
    const network = networkName(request.config);
    try {
      this.#del(network, entryKey(request.containerId, request.ifname));
    } catch (error) {
      throw asCniError(error);
    }
  }

  /** Throws CniError 100 that names all that is not as ADD left it. Changes nothing. */
  async check(request: PluginRequest): Promise<void> {
    checkRequest(request, 'CHECK');
    const config = parseBridgeConfig(request.config);
    try {
      const { entries } = this.#journal(config.network).transaction(({ state }) => state);
      checkAttachment(this.#apply, config, request, entries.get(entryKey(request.containerId, request.ifname)));
    } catch (error) {
      throw asCniError(error);
    }
  }

  /** Gives up the attachments of the network that are not among the valid ones, and links under its bridge that no journal names. */
  async gc(config: JsonObject): Promise<void> {
    const network = networkName(config);
    const valid = validAttachments(config);
    try {
      await this.#giveUp(this.#journal(network), entry => !valid.has(entryKey(entry.containerId, entry.ifname)));
      const bridge = this.#apply.findLink(new Fields(config).string('bridge') ?? DEFAULT_BRIDGE);
      // Links before journals: ADD of another process names its links before it makes them, so the journals name all that were seen.
      const links = this.#apply.allLinks();
      const named = this.#networks().flatMap(name =>
        this.#journal(name).transaction(({ state }) => [...state.entries.values()].flatMap(linksOf)),
      );
      this.#apply.removeLinks(orphans(links, bridge?.index, new Set(named)));
    } catch (error) {
      throw asCniError(error);
    }
  }

  /** Throws CniError 50 when ADD could not work now. A pod CIDR that is still to come is no reason: only ADD gets it. */
  async status(config: JsonObject): Promise<void> {
    try {
      const { bridge, network, usesNft } = statusFacts(config);
      this.#journal(network).transaction(() => undefined);
      const link = this.#apply.findLink(bridge);
      if (link !== undefined && link.kind !== 'bridge')
        throw new CniError(CNI_ERROR.invalidConfig, `the link ${bridge} exists and is not a bridge`);
      if (usesNft) this.#apply.openRules();
    } catch (error) {
      throw new CniError(CNI_ERROR.notAvailable, asCniError(error).message);
    }
  }

  async version(): Promise<readonly string[]> {
    return CNI_VERSIONS;
  }

  /**
   * Gives up every attachment of containers that are not in `keep`, and of namespaces that are gone, with its links and addresses: in all networks, but only
   * what this runner has attached.
   */
  async prune(keep: ReadonlySet<string>): Promise<void> {
    for (const network of this.#networks())
      await this.#giveUp(this.#journal(network), ({ containerId }) => !keep.has(containerId));
  }

  /** Ends what DELs have begun, for a process that is about to end itself. */
  async settle(): Promise<void> {
    for (const journal of this.#journals.values()) await this.#released.sweep(journal);
  }

  close(): void {
    this.#released.close();
    for (const journal of this.#journals.values()) journal.close();
    this.#journals.clear();
    this.#applier?.close();
    this.#applier = undefined;
  }

  async #add(config: BridgeConfig, request: PluginRequest, inode: number, netnsFd: number): Promise<CniResult> {
    const { containerId, ifname, netns } = request;
    const key = entryKey(containerId, ifname);
    const journal = this.#journal(config.network);
    const take = (): Taken => journal.transaction(transaction => this.#take(transaction, config, request, inode));
    let taken = take();
    if (taken.kind === 'in-the-way') {
      await forgetFlowsOf(this.#apply, taken.entries);
      this.#released.finish(journal, taken.entries);
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
      const { near, isOperational } = this.#apply.configurePair(pod, place, config.hairpin);
      faultPoint('cni/add/link-configured');
      this.#apply.limitBandwidth(near, egressLinkName(containerId, ifname), config.bandwidth);
      faultPoint('cni/add/bandwidth-limited');
      await openHostPorts(this.#apply, journal, config, taken.addresses);
      faultPoint('cni/add/ports-opened');
      if (!isOperational) await this.#apply.untilOperational(pod, place);
      journal.transaction(transaction => transaction.append({ op: 'ready', key }));
      const seen = { ifname, netns, bridgeMac: place.bridge.mac, hostMac: near.mac, mtu: near.mtu };
      return planResult(config, pod, seen, taken.addresses);
    } catch (error) {
      const entry = { containerId, ifname, hostLink: pod.hostLink, egressLink: egressLinkName(containerId, ifname) };
      journal.transaction(transaction => transaction.append({ op: 'release', key }));
      if (config.hostPorts.length > 0) closeHostPorts(this.#apply, journal);
      this.#released.finish(journal, [entry]);
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
      this.#released.reclaim(transaction);
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
      ...(config.bandwidth.egress === undefined ? {} : { egressLink: egressLinkName(containerId, ifname) }),
      ...(this.#options.runner === undefined ? {} : { runner: this.#options.runner }),
      ips,
      ...(config.hostPorts.length === 0 ? {} : { hostPorts: config.hostPorts }),
    });
    return { kind: 'taken', addresses: allocation.addresses };
  }

  #createPair(pod: ReturnType<typeof planPod>, place: VethPlace, netns: string): void {
    try {
      this.#apply.createPair(pod, place);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === 'EEXIST')) throw error;
      if (!this.#apply.hasLink(pod.hostLink))
        throw new CniError(CNI_ERROR.internal, `a link named ${place.ifname} exists already in ${netns}`);
      // The name is made from container id and ifname, and the journal says that nobody has it: a journal was removed by hand.
      this.#apply.removeLinks([pod.hostLink]);
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
    const isLeft = this.#apply.mute(entry.hostLink) || entry.egressLink !== undefined || hasUdpPorts(entry);
    faultPoint('cni/del/quarantined');
    if (isLeft) this.#released.sweepLater();
    else this.#released.free(journal, entry);
  }

  /** Another runner knows of its attachments itself: of those only what nobody can use any more goes. */
  async #giveUp(journal: AddressJournal, isUnknown: (entry: JournalEntry) => boolean): Promise<void> {
    journal.transaction(transaction => {
      for (const [key, entry] of [...transaction.state.entries])
        if (
          entry.state !== 'releasing' &&
          ((entry.runner === this.#options.runner && isUnknown(entry)) || !isAlive(entry))
        )
          transaction.append({ op: 'release', key });
    });
    await this.#released.sweep(journal);
  }

  #networks(): string[] {
    return AddressJournal.networks(this.#options.journalDir);
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

function asCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const wrapped = new CniError(CNI_ERROR.internal, `gantry-bridge: ${text}`);
  wrapped.cause = error;
  return wrapped;
}
