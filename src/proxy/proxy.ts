import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { TimeSlice } from '../base/time-slice.ts';
import type { ApiConnection } from '../client/connection.ts';
import { Informers } from '../client/informers.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { listAddresses } from '../linux/netlink/addresses.ts';
import { NetlinkSocket } from '../linux/netlink/socket.ts';
import { type NftRunner, openNft, removeTables } from './act/nft.ts';
import { Alarm } from './alarm.ts';
import { tableOf } from './compile/layout.ts';
import { type Dirty, ProxyState } from './desired/proxy-state.ts';
import { FamilyProxy } from './family-proxy.ts';
import type { ProxySettings } from './settings.ts';

export interface ProxyOptions {
  readonly connection: ApiConnection;
  readonly settings: ProxySettings;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Everything is told to the kernel anew after this long, in case somebody touched the table unseen (upstream's FullSyncPeriod). */
const FULL_SYNC_MS = 3_600_000;
/** From when somebody else changed a table until it is written anew. */
const TOUCHED_MS = 100;
/** The pause after a failure; doubled each time. */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/**
 * The service proxy of a node: what is sent to the address of a service goes to one of its endpoints, by rules of the kernel's. It is ready when the kernel
 * has all rules once. When it ends, and however it ends, the rules stay and serve.
 */
export function serviceProxy(options: ProxyOptions): Component {
  return {
    name: 'proxy',
    async run(signal, ready) {
      const loop = new ProxyLoop(options);
      try {
        await loop.run(signal, ready);
      } finally {
        loop.close();
      }
    },
  };
}

/** Takes away everything that a proxy of ours has put into the kernel. Safe to repeat. */
export async function removeProxyRules(): Promise<void> {
  const tables = [tableOf(4), tableOf(6)];
  const nft = openNft(tables, () => {});
  try {
    await removeTables(nft, tables);
  } finally {
    nft.close();
  }
}

class ProxyLoop {
  readonly #options: ProxyOptions;
  readonly #links = NetlinkSocket.open();
  readonly #nft: NftRunner;
  readonly #alarm = new Alarm();
  readonly #informers: Informers;
  readonly #state: ProxyState;
  readonly #families: readonly FamilyProxy[];
  #isSynced = false;
  #failures = 0;
  #everythingAt = 0;

  constructor(options: ProxyOptions) {
    const { connection, settings, clock, log } = options;
    this.#options = options;
    const nft = openNft([tableOf(4), tableOf(6)], table => this.#onTouched(table));
    this.#nft = nft;
    this.#informers = new Informers(connection, { clock, onTrouble: message => log.warn(message) });
    const state = new ProxyState(this.#informers, settings.nodeName, () => this.#alarm.ring());
    this.#state = state;
    this.#families = ([4, 6] as const).map(family => new FamilyProxy({ family, settings, state, nft, log }));
  }

  close(): void {
    this.#nft.close();
    this.#links.close();
  }

  /** Somebody else changed a table of ours: it is told everything anew. */
  #onTouched(table: string): void {
    for (const family of this.#families)
      if (family.table === table) {
        this.#options.log.warn(`somebody else changed the table ${table}: it is written anew`);
        family.distrust();
      }
    // not at once: who writes it again and again shall not keep us busy
    this.#options.clock.after(TOUCHED_MS, () => this.#alarm.ring(), { keepAlive: true });
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const running = this.#informers.run(signal, () => {
      this.#isSynced = true;
      this.#alarm.ring();
    });
    let isReady = false;
    while (!signal.aborted) {
      if (this.#isSynced && (await this.#sync(signal)) && !isReady) {
        isReady = true;
        ready();
      }
      await this.#rest(signal);
    }
    await running;
  }

  /** Until something changes; after a failure until the pause is over, so that changes do not hammer on what is broken. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (this.#failures > 0) {
      const pause = Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS);
      await new Alarm().wait(pause, clock, signal);
      return;
    }
    const isOld = (): boolean => clock.monotonic() - this.#everythingAt >= FULL_SYNC_MS;
    await this.#alarm.wait(Math.max(0, this.#everythingAt + FULL_SYNC_MS - clock.monotonic()), clock, signal);
    if (isOld()) for (const family of this.#families) family.distrust();
  }

  /** Brings the kernel to what is wanted now. False where it refused. */
  async #sync(signal: AbortSignal): Promise<boolean> {
    const dirty = this.#state.takeDirty();
    const results = [];
    for (const family of this.#families) results.push(await this.#syncFamily(family, dirty, signal));
    if (signal.aborted) return false;
    this.#failures = results.includes(false) ? this.#failures + 1 : 0;
    return this.#failures === 0;
  }

  async #syncFamily(family: FamilyProxy, dirty: Dirty, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options;
    try {
      const slice = new TimeSlice(signal);
      for (const key of family.keysFor(dirty)) {
        this.#compile(family, key);
        await slice.breathe();
      }
      if (dirty.node) family.setNodePortIps(this.#machineIps());
      if (dirty.serviceCidrs) family.setServiceCidrs();
      if ((await family.apply(signal)) === 'everything') this.#everythingAt = this.#options.clock.monotonic();
      return true;
    } catch (error) {
      if (!signal.aborted) log.error(`the rules of IPv${family.family} were not written: ${errorMessage(error)}`);
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

  #machineIps(): string[] {
    return listAddresses(this.#links).map(({ ip }) => ip);
  }
}
