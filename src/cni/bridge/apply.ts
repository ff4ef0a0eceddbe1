import { networkInterfaces } from 'node:os';
import { TimeSlice } from '../../base/time-slice.ts';
import { enableForwarding } from '../../linux/forwarding.ts';
import { addAddress, type LinkAddress, listAddresses } from '../../linux/netlink/addresses.ts';
import { deleteUdpFlow, udpFlowParts } from '../../linux/netlink/conntrack.ts';
import {
  createBridge,
  createIfb,
  createVeth,
  deleteLinks,
  disablePort,
  getLink,
  type Link,
  listLinks,
  setHairpin,
  setLinkUp,
} from '../../linux/netlink/links.ts';
import {
  getTokenBucket,
  ingressRedirects,
  redirectIngress,
  setTokenBucket,
  type TokenBucket,
} from '../../linux/netlink/qdiscs.ts';
import { addRoute, listRoutes, type Route } from '../../linux/netlink/routes.ts';
import { NETLINK_NETFILTER, NetlinkError, NetlinkSocket } from '../../linux/netlink/socket.ts';
import { inNetns } from '../../linux/netns.ts';
import { NftContext } from '../../linux/nft.ts';
import { ensureSysctl } from '../../linux/sysctl.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { type Bandwidth, bucketOf } from './bandwidth.ts';
import { PairReadiness } from './operational.ts';
import type { BridgePlan, PodPlan } from './plan.ts';

/** How the kernel refuses a kind of link, queue, filter or action that it has not. */
const UNKNOWN_TO_KERNEL = ['ENOENT', 'EOPNOTSUPP'];
/** NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN: asks for the number of the present ruleset. */
const NFT_GETGEN = (10 << 8) | 16;

export interface SeenInside {
  readonly link: Link | undefined;
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly Route[];
}

export type SeenBucket = Pick<TokenBucket, 'rate' | 'limit'>;

export interface VethPlace {
  readonly bridge: Link;
  readonly mtu: number | undefined;
  readonly ifname: string;
  readonly netnsFd: number;
}

/** Carries plans out on the machine, in the network namespace in which it was made. Everything is synchronous and short, except `removeLinks` and `forgetFlows`. */
export class BridgeApplier {
  readonly #links = NetlinkSocket.open();
  readonly #readiness = new PairReadiness(this.#links);
  /** nftables is asked for at the first network that masquerades, so that others do not need the library. */
  #nft: { context: NftContext; generations: NetlinkSocket } | undefined;
  /** The ruleset's number right after our transaction, by its text. */
  readonly #applied = new Map<string, string>();

  /**
   * Makes the bridge, its addresses and the forwarding settings where they are missing. Safe to repeat, and repeated for each pod, so that what others
   * took away heals with the next one: a request per address and a read per setting.
   */
  ensureBridge(plan: BridgePlan['bridge']): Link {
    const link = getLink(this.#links, plan.name) ?? this.#createBridge(plan);
    if (link.kind !== 'bridge')
      throw new CniError(CNI_ERROR.invalidConfig, `the link ${plan.name} exists and is not a bridge`);
    if (!link.up) setLinkUp(this.#links, link.index);
    // A router does not take addresses and routes from others' advertisements on its pod side.
    ensureSysctl(`net/ipv6/conf/${plan.name}/accept_ra`, '0');
    for (const { ip, prefix } of plan.addresses) addAddress(this.#links, link.index, ip, prefix);
    for (const family of plan.forward) enableForwarding(family, this.#links);
    return link;
  }

  /** Runs the network's transaction unless nobody has changed the ruleset since: asking for its number takes 0.07 ms. Empty text is nothing to do. */
  ensureRules(text: string): void {
    if (text === '') return;
    const { context, generations } = this.#rules;
    const generation = (): string =>
      // struct nfgenmsg, then NFTA_GEN_ID: 4 bytes of attribute header, 4 of number. What follows is the asking process.
      generations.request('get ruleset number', NFT_GETGEN, [Buffer.alloc(4)])[0]?.data.toString('hex', 8, 12) ?? '';
    if (this.#applied.get(text) === generation()) return;
    context.run(text);
    this.#applied.set(text, generation());
  }

  /** Runs a transaction whatever was run before. */
  runRules(text: string): void {
    this.#rules.context.run(text);
  }

  /** What the machine needs once it leads ports to pods of a bridge: loopback addresses may be routed there (the rules guard them). */
  allowLoopbackOn(bridge: string): void {
    ensureSysctl(`net/ipv4/conf/${bridge}/route_localnet`, '1');
  }

  /**
   * Forgets the flows of UDP to a port of the machine that go elsewhere than to `ips`: their next datagram is led anew. A DNS server has tens of thousands, so others have their turn in
   * between. Safe to repeat.
   */
  async forgetFlows(port: number, ips: readonly string[], isOurs: (ip: string) => boolean): Promise<void> {
    const machine = new Set(Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(a => a.address)));
    const slice = new TimeSlice();
    const [dump, deletion] = [NetlinkSocket.open(NETLINK_NETFILTER), NetlinkSocket.open(NETLINK_NETFILTER)];
    try {
      for (const family of [4, 6] as const)
        for (const flows of udpFlowParts(dump, family, port)) {
          for (const flow of flows) {
            const { answeredBy, destination } = flow;
            if (
              !ips.includes(answeredBy) &&
              machine.has(destination) &&
              (isOurs(answeredBy) || machine.has(answeredBy))
            )
              deleteUdpFlow(deletion, flow);
            if (slice.used) await slice.breathe();
          }
          await slice.breathe();
        }
    } finally {
      dump.close();
      deletion.close();
    }
  }

  get #rules(): { context: NftContext; generations: NetlinkSocket } {
    this.#nft ??= { context: NftContext.open(), generations: NetlinkSocket.open(NETLINK_NETFILTER) };
    return this.#nft;
  }

  /** Makes the pair, its peer at once in the pod's namespace. EEXIST comes through. */
  createPair(pod: PodPlan, place: VethPlace): void {
    createVeth(this.#links, {
      name: pod.hostLink,
      mtu: place.mtu,
      master: place.bridge.index,
      peer: { name: place.ifname, mac: pod.mac, netnsFd: place.netnsFd },
    });
  }

  /** Hairpin on the port; inside the pod addresses, link up, routes. Returns the near end, and whether frames pass the pair and its bridge by now. */
  configurePair(pod: PodPlan, place: VethPlace, hairpin: boolean): { near: Link; isOperational: boolean } {
    if (hairpin) setHairpin(this.#links, pod.hostLink);
    const far = inNetns(place.netnsFd, () => configureInside(pod, place.ifname));
    const link = getLink(this.#links, pod.hostLink);
    if (link === undefined) throw new CniError(CNI_ERROR.io, `the link ${pod.hostLink} vanished while it was set up`);
    return { near: link, isOperational: [far, link, place.bridge].every(({ operational }) => operational) };
  }

  /** See PairReadiness. */
  untilOperational(pod: PodPlan, place: VethPlace): Promise<void> {
    return this.#readiness.untilOperational(pod, place);
  }

  /** Cuts a port off at once. False when the link is gone already. */
  mute(hostLink: string): boolean {
    const link = getLink(this.#links, hostLink);
    if (link === undefined) return false;
    try {
      disablePort(this.#links, link);
    } catch (error) {
      // ENODEV: it went away just now. ENETDOWN and EOPNOTSUPP: it is down or no bridge port any more, so it is mute as it is.
      if (!(error instanceof NetlinkError)) throw error;
    }
    return true;
  }

  hasLink(name: string): boolean {
    return this.findLink(name) !== undefined;
  }

  findLink(name: string): Link | undefined {
    return getLink(this.#links, name);
  }

  allLinks(): Link[] {
    return listLinks(this.#links);
  }

  /** Stands still for some 20 ms when one of the links exists (see deleteLinks). */
  removeLinks(names: readonly string[]): void {
    deleteLinks(this.#links, names);
  }

  /**
   * Limits what goes to the pod at the near end, and what comes from it by leading it through an ifb: a bucket inside the pod would be the pod's to take away.
   * For a pair that was just made.
   */
  limitBandwidth(near: Link, egressLink: string, { ingress, egress }: Bandwidth): void {
    try {
      if (ingress !== undefined) setTokenBucket(this.#links, near.index, bucketOf(ingress, near.mtu));
      if (egress === undefined) return;
      const link = this.findLink(egressLink) ?? this.#createEgressLink(egressLink);
      setTokenBucket(this.#links, link.index, bucketOf(egress, near.mtu));
      redirectIngress(this.#links, near.index, link.index);
    } catch (error) {
      if (!(error instanceof NetlinkError && UNKNOWN_TO_KERNEL.includes(error.code))) throw error;
      throw new CniError(
        CNI_ERROR.internal,
        `the kernel cannot limit bandwidth (it takes sch_tbf, and ifb, sch_ingress, cls_u32 and act_mirred for what pods send): ${error.message}`,
      );
    }
  }

  /** The buckets that are at work on the near end and on what comes from it, as bytes per second and the bytes that may wait. */
  limitsOf(near: Link, egressLink: string): { ingress: SeenBucket | undefined; egress: SeenBucket | undefined } {
    const link = this.findLink(egressLink);
    const isRedirected = link !== undefined && ingressRedirects(this.#links, near.index).includes(link.index);
    return {
      ingress: getTokenBucket(this.#links, near.index),
      egress: isRedirected ? getTokenBucket(this.#links, link.index) : undefined,
    };
  }

  /** The addresses of the machine's links. */
  allAddresses(): LinkAddress[] {
    return listAddresses(this.#links);
  }

  /** What there is in a namespace: the link of that name, all addresses, the routes of the main table. */
  lookInside(netns: string, ifname: string): SeenInside {
    return inNetns(netns, () =>
      NetlinkSocket.use(links => ({
        link: getLink(links, ifname),
        addresses: listAddresses(links),
        routes: listRoutes(links),
      })),
    );
  }

  /** What nft prints for a command; empty text where what it asks for is not there. */
  listRules(command: string): string {
    try {
      return this.#rules.context.run(command);
    } catch {
      return '';
    }
  }

  /** Throws when nftables cannot be used. */
  openRules(): void {
    void this.#rules;
  }

  close(): void {
    this.#links.close();
    this.#nft?.context.close();
    this.#nft?.generations.close();
  }

  #createEgressLink(name: string): Link {
    createIfb(this.#links, name);
    const link = this.findLink(name);
    if (link === undefined) throw new CniError(CNI_ERROR.io, `the link ${name} vanished right after it was made`);
    return link;
  }

  #createBridge(plan: BridgePlan['bridge']): Link {
    try {
      createBridge(this.#links, plan);
    } catch (error) {
      // Another process was quicker.
      if (!(error instanceof NetlinkError && error.code === 'EEXIST')) throw error;
    }
    const link = getLink(this.#links, plan.name);
    if (link === undefined)
      throw new CniError(CNI_ERROR.io, `the bridge ${plan.name} vanished right after it was made`);
    return link;
  }
}

/** Returns the link once it is up: that it is asked for makes a kernel from 6.8 on open it. */
function configureInside(pod: PodPlan, ifname: string): Link {
  return NetlinkSocket.use(socket => {
    const link = getLink(socket, ifname);
    if (link === undefined) throw new CniError(CNI_ERROR.io, `the link ${ifname} vanished while it was set up`);
    const hasIpv6 = pod.addresses.some(({ ip }) => ip.includes(':'));
    if (hasIpv6) {
      ensureSysctl(`net/ipv6/conf/${ifname}/disable_ipv6`, '0');
      // Addresses come from one journal, so there is nothing to detect, and the link-local address is usable at once.
      ensureSysctl(`net/ipv6/conf/${ifname}/accept_dad`, '0');
      ensureSysctl(`net/ipv6/conf/${ifname}/keep_addr_on_down`, '1');
    }
    for (const { ip, prefix } of pod.addresses) addAddress(socket, link.index, ip, prefix);
    setLinkUp(socket, link.index);
    for (const { destination, gateway } of pod.routes)
      addRoute(socket, { destination, gateway, linkIndex: link.index });
    return getLink(socket, link.index) ?? link;
  });
}
