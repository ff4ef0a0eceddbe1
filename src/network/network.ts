import type { Event, Node } from '../api/types/gen/core-v1.ts';
import type { IpFamily } from '../base/cidr.ts';
import { parseCidr } from '../base/cidr.ts';
import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { aborted } from '../base/signals.ts';
import type { ResourceId } from '../client/api-object.ts';
import type { ApiConnection } from '../client/connection.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { Informers } from '../client/informers.ts';
import type { ObjectStore } from '../client/object-store.ts';
import { ResourceClient } from '../client/resource-client.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { runCommand } from '../linux/command.ts';
import { enableForwarding } from '../linux/forwarding.ts';
import { type NetlinkEvents, openNetlinkEvents } from '../linux/netlink/events.ts';
import { NETLINK_ROUTE, NetlinkSocket } from '../linux/netlink/socket.ts';
import { NftContext } from '../linux/nft.ts';
import { type TableWatch, watchTables } from '../linux/nft-events.ts';
import { ensureSysctl, readSysctl } from '../linux/sysctl.ts';
import { ensureConflist, removeConflist } from './conflist.ts';
import { conflistText, masqueradeText, NETWORK_TABLE, podCidrsOf, podRoutes } from './plan.ts';
import { RouteKeeper, removeRoutes } from './route-keeper.ts';

export interface NetworkOptions {
  readonly connection: ApiConnection;
  readonly nodeName: string;
  /** Networks that belong to the cluster beside those of its nodes' pods. */
  readonly clusterCidrs: readonly string[];
  /** Where CNI configurations stand. */
  readonly confDir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const NODES: ResourceId = { group: '', version: 'v1', plural: 'nodes' };
const EVENTS: ResourceId = { group: '', version: 'v1', plural: 'events' };
/** RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE: whatever may take a route away or make one possible. */
const ROUTE_GROUPS = [1, 5, 7, 9, 11];
/** Notices come in swarms: a link that goes takes many routes along, and each pod that starts brings a dozen. */
const SETTLE_MS = 200;
/** After a failure. */
const RETRY_MS = 1000;
/** What a kernel without br_netfilter lacks: rules are then not asked about packets between two pods of one bridge. */
const BRIDGE_SETTINGS = ['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables'] as const;

/**
 * The network of a node's pods: a CNI configuration from the node's pod CIDRs where there is none, routes to the pods of other nodes on the same link, and the
 * machine's address for what pods send out of the cluster. Everything stays when it ends, so pods go on being reached.
 */
export function podNetwork(options: NetworkOptions): Component {
  return {
    name: 'network',
    async run(signal, ready) {
      const loop = new NetworkLoop(options);
      try {
        await loop.run(signal, ready);
      } finally {
        loop.close();
      }
    },
  };
}

/** Takes away all that a network of ours has made: routes, rules, the CNI configuration. Safe to repeat. */
export function removeNetwork(confDir: string): void {
  const socket = NetlinkSocket.open();
  const nft = NftContext.open();
  try {
    removeRoutes(socket);
    nft.run(`add table ${NETWORK_TABLE}\ndelete table ${NETWORK_TABLE}\n`);
    removeConflist(confDir);
  } finally {
    nft.close();
    socket.close();
  }
}

class NetworkLoop {
  readonly #options: NetworkOptions;
  readonly #socket = NetlinkSocket.open();
  readonly #nft = NftContext.open();
  readonly #events: NetlinkEvents;
  readonly #tables: TableWatch;
  readonly #recorder: EventRecorder;
  readonly #routes: RouteKeeper;
  readonly #informers: Informers;
  readonly #nodes: ObjectStore<Node>;
  #isSynced = false;
  #masquerade = '';
  #told = '';
  #cancel: (() => void) | undefined;
  #ready: () => void = () => {};

  constructor(options: NetworkOptions) {
    const { connection, clock, log, nodeName } = options;
    this.#options = options;
    this.#recorder = new EventRecorder({
      events: new ResourceClient<Event>(connection, EVENTS),
      component: 'gantry-network',
      host: nodeName,
      clock,
      random: Math.random,
      onTrouble: message => log.debug(message),
    });
    this.#routes = new RouteKeeper(this.#socket, clock, message => this.#warnOfRoute(message));
    this.#informers = new Informers(connection, { clock, onTrouble: message => log.warn(message) });
    const nodes = this.#informers.of<Node>(NODES);
    this.#nodes = nodes.store;
    nodes.onChange(() => this.#soon(0));
    const onEvent = (): void => this.#soon(SETTLE_MS);
    this.#events = openNetlinkEvents(NETLINK_ROUTE, ROUTE_GROUPS, onEvent, onEvent);
    this.#tables = watchTables([NETWORK_TABLE], () => {
      this.#masquerade = '';
      this.#soon(SETTLE_MS);
    });
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    this.#ready = ready;
    await this.#passBridgedPackets(signal);
    const running = this.#informers.run(signal, () => {
      this.#isSynced = true;
      this.#soon(0);
    });
    await aborted(signal);
    await running;
  }

  close(): void {
    this.#cancel?.();
    this.#isSynced = false;
    this.#events.close();
    this.#tables.close();
    this.#nft.close();
    this.#socket.close();
  }

  #soon(ms: number): void {
    if (!this.#isSynced || this.#cancel !== undefined) return;
    this.#cancel = this.#options.clock.after(
      ms,
      () => {
        this.#cancel = undefined;
        void this.#keep();
      },
      { keepAlive: true },
    );
  }

  /** Brings the machine to what is wanted now. Never rejects. */
  async #keep(): Promise<void> {
    const { nodeName, log } = this.#options;
    try {
      const nodes = this.#nodes.list();
      const own = podCidrsOf(this.#nodes.getByKey(nodeName));
      const families = new Set(own.map(cidr => parseCidr(cidr).family));
      for (const family of families) enableForwarding(family, this.#socket);
      await this.#keepMasquerade(own, nodes);
      this.#routes.keep(podRoutes(nodes, nodeName));
      this.#keepConflist(own, families);
      this.#ready();
      this.#ready = () => {};
    } catch (error) {
      log.error(`the pod network is not as it should be: ${errorMessage(error)}`);
      this.#soon(RETRY_MS);
    }
  }

  async #keepMasquerade(own: readonly string[], nodes: readonly Node[]): Promise<void> {
    const text = masqueradeText(own, nodes, this.#options.clusterCidrs);
    if (text === this.#masquerade) return;
    this.#masquerade = text;
    try {
      await this.#tables.own(NETWORK_TABLE, () => this.#nft.run(text));
    } catch (error) {
      this.#masquerade = '';
      throw error;
    }
  }

  #keepConflist(own: readonly string[], families: ReadonlySet<IpFamily>): void {
    const { confDir, nodeName } = this.#options;
    const text = conflistText(own);
    if (text === undefined) {
      this.#tell(`node ${nodeName} has no pod CIDR yet`);
      return;
    }
    const outcome = ensureConflist(confDir, text);
    if (typeof outcome === 'object')
      this.#tell(`${confDir}/${outcome.other} is there, so no CNI configuration is written`);
    else if (outcome === 'written')
      this.#tell(`pods get addresses of ${own.join(' and ')} (IPv${[...families].join(', IPv')})`);
  }

  /** A pod that asks for a service and is served by another on its bridge: without this the answer would pass by the rules that put the address back. */
  async #passBridgedPackets(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    try {
      if (readSysctl(BRIDGE_SETTINGS[0]) === undefined)
        await runCommand('modprobe', ['br_netfilter'], { signal, timeoutMs: 10_000 });
      for (const name of BRIDGE_SETTINGS) ensureSysctl(name, '1');
      if (readSysctl(BRIDGE_SETTINGS[0]) === undefined)
        log.warn('the module br_netfilter is missing: pods may not reach services that pods of this node serve');
    } catch (error) {
      signal.throwIfAborted();
      log.warn(`bridged packets may pass by the rules: ${errorMessage(error)}`);
    }
  }

  /** To who administers the node, and to who wonders at it from afar. An event of the Node and no condition: NetworkUnavailable would take new pods from this node, and from every other that has the same to say. */
  #warnOfRoute(message: string): void {
    const { log, nodeName } = this.#options;
    log.warn(message);
    // events of a node have its name for its UID, as the kubelet's
    const object = { metadata: { name: nodeName, uid: nodeName } };
    this.#recorder.record({ apiVersion: 'v1', kind: 'Node', object }, 'Warning', 'PodsNotReached', message);
  }

  #tell(text: string): void {
    if (text === this.#told) return;
    this.#told = text;
    this.#options.log.info(text);
  }
}
