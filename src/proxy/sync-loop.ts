import type { Event, Node } from '../api/types/gen/core-v1.ts';
import type { IpFamily } from '../base/cidr.ts';
import { errorMessage } from '../base/errors.ts';
import { TimeSlice } from '../base/time-slice.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { Informers } from '../client/informers.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { listAddresses } from '../linux/netlink/addresses.ts';
import { type NetlinkEvents, openNetlinkEvents } from '../linux/netlink/events.ts';
import { getLink } from '../linux/netlink/links.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from '../linux/netlink/socket.ts';
import { IPVS_LINK } from './act/ipvs.ts';
import { type OpenMode, openMode } from './act/mode.ts';
import { removeStaleFlows } from './act/stale-flows.ts';
import { Alarm } from './alarm.ts';
import { type Dirty, ProxyState } from './desired/proxy-state.ts';
import { FamilyProxy } from './family-proxy.ts';
import type { ProxyOptions } from './proxy.ts';
import { healthChecked, withoutLocalEndpoints } from './report/from-services.ts';
import type { ProxyHealth } from './report/proxy-health.ts';
import { familyLabel, type ProxyMetrics } from './report/proxy-metrics.ts';
import { ServiceHealth } from './report/service-health.ts';
import { EVENTS } from './resources.ts';

export interface SyncLoopOptions extends ProxyOptions {
  readonly health: ProxyHealth;
  readonly metrics: ProxyMetrics;
}

/** Everything is told to the kernel anew after this long, in case somebody touched the table unseen (upstream's FullSyncPeriod). */
const FULL_SYNC_MS = 3_600_000;
/** From when somebody else changed the rules until they are written anew. */
const TOUCHED_MS = 100;
/** From a change of the machine's addresses until they are read. */
const ADDRESSES_MS = 500;
/** The pause after a failure; doubled each time. */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
/** RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR */
const ADDRESS_GROUPS = [5, 9];

/** Brings what the API server says into the kernel: all that has come by the time is one change of the rules per family. */
export class SyncLoop {
  readonly #options: SyncLoopOptions;
  readonly #alarm = new Alarm();
  readonly #informers: Informers;
  readonly #state: ProxyState;
  readonly #serviceHealth: ServiceHealth;
  readonly #recorder: EventRecorder;
  #families: readonly FamilyProxy[] = [];
  #kernel: Kernel | undefined;
  #isSynced = false;
  #addressesChanged = false;
  #cidrsChanged = false;
  #failures = 0;
  #everythingAt = 0;
  #changedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SyncLoopOptions) {
    const { connection, settings, clock, log, health, metrics } = options;
    const { nodeName } = settings;
    const onTrouble = (message: string): void => log.warn(message);
    this.#options = options;
    this.#informers = new Informers(connection, { clock, onTrouble });
    this.#state = new ProxyState(this.#informers, nodeName, clock.now(), () => this.#onChange());
    this.#recorder = new EventRecorder({
      events: new ResourceClient<Event>(connection, EVENTS),
      component: 'kube-proxy',
      host: nodeName,
      clock,
      random: Math.random,
      onTrouble,
    });
    this.#serviceHealth = new ServiceHealth({
      hosts: () => this.#families.flatMap(family => family.nodePortIps(this.#machineIps())),
      isProxyHealthy: () => health.isHealthy,
      onFailure: (key, port, message) => this.#onHealthPortTaken(key, port, message),
    });
    metrics.countPending(() => this.#state.pending);
    metrics.countWithoutLocal(() =>
      this.#families.map(({ family, services }) => withoutLocalEndpoints(family, services)),
    );
  }

  /** This node as the API server has it. */
  node(): Node | undefined {
    return this.#state.node();
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const { settings, clock, log } = this.#options;
    const kernel = openKernel(() => this.#onAddresses());
    this.#kernel = kernel;
    let mode: OpenMode | undefined;
    try {
      const opened = await openMode({ settings, clock, log, signal, onTouched: family => this.#onTouched(family) });
      mode = opened;
      const machineIps = (): string[] => this.#machineIps();
      this.#families = opened.families.map(
        ({ family, rules }) => new FamilyProxy({ family, settings, state: this.#state, rules, machineIps }),
      );
      const running = this.#informers.run(signal, () => {
        this.#isSynced = true;
        this.#alarm.ring();
      });
      let isReady = false;
      while (!signal.aborted) {
        if (this.#isSynced && (await this.#sync(signal)) && !isReady) {
          isReady = true;
          ready();
          // with the rules of this mode in place, nobody misses those of another
          await opened.removeOthers(signal);
        }
        await this.#rest(signal);
      }
      await running;
    } finally {
      await this.#serviceHealth.close();
      mode?.close();
      kernel.close();
    }
  }

  #onChange(): void {
    const { health, metrics, clock } = this.#options;
    for (const { family } of this.#families) {
      health.queue(family);
      metrics.lastQueued.set({ ip_family: familyLabel(family) }, clock.now() / 1000);
    }
    this.#alarm.ring();
  }

  /** Somebody else changed the rules of a family: all of them are told anew. */
  #onTouched(family: IpFamily): void {
    const touched = this.#families.find(each => each.family === family);
    if (touched === undefined) return;
    this.#options.log.warn(`somebody else changed the rules of IPv${family}: they are written anew`);
    touched.distrust();
    // not at once: who writes it again and again shall not keep us busy
    this.#options.clock.after(TOUCHED_MS, () => this.#alarm.ring(), { keepAlive: true });
  }

  /** Addresses come in swarms, several with each pod that starts: they are read once a while. */
  #onAddresses(): void {
    if (this.#addressesChanged) return;
    this.#addressesChanged = true;
    this.#options.clock.after(ADDRESSES_MS, () => this.#alarm.ring(), { keepAlive: true });
  }

  #onHealthPortTaken(key: string, port: number, message: string): void {
    const { log, settings } = this.#options;
    const service = this.#state.service(key);
    const text = `node ${settings.nodeName} failed to start healthcheck "${key}" on port ${port}: ${message}`;
    log.error(text);
    if (service === undefined) return;
    const target = { apiVersion: 'v1', kind: 'Service', object: service };
    this.#recorder.record(target, 'Warning', 'FailedToStartServiceHealthcheck', text);
  }

  /** Until something changes; after a failure until the pause is over, so that changes do not hammer on what is broken. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (this.#failures > 0) {
      const pause = Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS);
      await new Alarm().wait(pause, clock, signal);
      return;
    }
    const tooEarly = this.#changedAt + this.#options.settings.minSyncMs - clock.monotonic();
    if (tooEarly > 0) await new Alarm().wait(tooEarly, clock, signal);
    const isOld = (): boolean => clock.monotonic() - this.#everythingAt >= FULL_SYNC_MS;
    await this.#alarm.wait(Math.max(0, this.#everythingAt + FULL_SYNC_MS - clock.monotonic()), clock, signal);
    if (isOld()) for (const family of this.#families) family.distrust();
  }

  /** Brings the kernel to what is wanted now. False where it refused. */
  async #sync(signal: AbortSignal): Promise<boolean> {
    const { metrics } = this.#options;
    metrics.serviceChanges.inc(this.#state.pending.services);
    metrics.endpointChanges.inc(this.#state.pending.slices);
    const dirty = this.#state.takeDirty();
    const addressesChanged = this.#addressesChanged || dirty.node;
    const cidrsChanged = this.#cidrsChanged || dirty.serviceCidrs;
    this.#addressesChanged = false;
    this.#cidrsChanged = false;
    const due = { ...dirty, addressesChanged, serviceCidrs: cidrsChanged };
    const results = [];
    for (const family of this.#families) results.push(await this.#syncFamily(family, due, signal));
    if (signal.aborted) return false;
    if (results.includes(false)) {
      // a family that failed may not have come to them
      this.#addressesChanged ||= addressesChanged;
      this.#cidrsChanged ||= cidrsChanged;
    }
    await this.#serviceHealth.update(healthChecked(this.#state, this.#families));
    this.#failures = results.includes(false) ? this.#failures + 1 : 0;
    return this.#failures === 0;
  }

  async #syncFamily(
    family: FamilyProxy,
    dirty: Dirty & { readonly addressesChanged: boolean },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { log, clock, metrics, health } = this.#options;
    const label = { ip_family: familyLabel(family.family) };
    const startedAt = clock.monotonic();
    try {
      const slice = new TimeSlice(signal);
      const keys = family.keysFor(dirty);
      if (dirty.addressesChanged || dirty.serviceCidrs) family.setNode(this.#machineIps());
      for (const key of keys) {
        this.#compile(family, key);
        await slice.breathe();
      }
      const applied = await family.apply(signal);
      health.update(family.family);
      if (applied === 'everything') this.#everythingAt = clock.monotonic();
      if (applied !== 'nothing') {
        this.#changedAt = startedAt;
        const seconds = (clock.monotonic() - startedAt) / 1000;
        metrics.syncDuration.observe(label, seconds);
        (applied === 'everything' ? metrics.fullSyncDuration : metrics.partialSyncDuration).observe(label, seconds);
        for (const at of dirty.triggeredAt)
          metrics.programmingDuration.observe(label, Math.max(0, (clock.now() - at) / 1000));
      }
      metrics.lastSync.set(label, clock.now() / 1000);
      await this.#forgetFlows(family, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      metrics.syncFailures.inc(label);
      log.error(`the rules of IPv${family.family} were not written: ${errorMessage(error)}`);
      return false;
    }
  }

  /** A service that cannot be read stays as it was, and is no matter of the others. */
  #compile(family: FamilyProxy, key: string): void {
    try {
      family.compile(key);
    } catch (error) {
      this.#options.log.error(`service ${key} cannot be read: ${errorMessage(error)}`);
    }
  }

  /** After the rules are there: a flow that is forgotten is led by them. What cannot be forgotten ends by its time-out. */
  async #forgetFlows(family: FamilyProxy, signal: AbortSignal): Promise<void> {
    const { log, metrics, clock } = this.#options;
    const fronts = family.takeChangedFronts();
    const conntrack = this.#kernel?.conntrack;
    if (fronts.length === 0 || conntrack === undefined) return;
    const label = { ip_family: familyLabel(family.family) };
    const startedAt = clock.monotonic();
    try {
      const ips = new Set(this.#machineIps());
      metrics.conntrackDeleted.inc(label, await removeStaleFlows(conntrack, family.family, fronts, ips, signal));
    } catch (error) {
      signal.throwIfAborted();
      log.warn(`flows of UDP to endpoints that are gone may go on: ${errorMessage(error)}`);
    }
    metrics.conntrackDuration.observe(label, (clock.monotonic() - startedAt) / 1000);
  }

  #machineIps(): string[] {
    if (this.#kernel === undefined) return [];
    const { links } = this.#kernel;
    // IPVS mode's addresses of services are no addresses of the machine that anything else is for
    const services = getLink(links, IPVS_LINK)?.index;
    const own = listAddresses(links).filter(({ linkIndex }) => linkIndex !== services);
    // the links of pods may all have the same one
    return [...new Set(own.map(({ ip }) => ip))];
  }
}

/** The doors to the kernel that every mode needs, open while the loop runs. */
interface Kernel {
  readonly links: NetlinkSocket;
  readonly conntrack: NetlinkSocket;
  close(): void;
}

function openKernel(onAddresses: () => void): Kernel {
  const links = NetlinkSocket.open();
  const conntrack = NetlinkSocket.open(NETLINK_NETFILTER);
  const addresses: NetlinkEvents = openNetlinkEvents(NETLINK_ROUTE, ADDRESS_GROUPS, onAddresses, onAddresses);
  return {
    links,
    conntrack,
    close() {
      addresses.close();
      conntrack.close();
      links.close();
    },
  };
}
