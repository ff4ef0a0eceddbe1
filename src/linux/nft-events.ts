import type { NetlinkMessage } from 'netlink/dist/structs.js';
import { type NetlinkEvents, openNetlinkEvents } from './netlink/events.ts';
import { NETLINK_NETFILTER } from './netlink/socket.ts';

const GROUP_NFTABLES = 7;
const SUBSYSTEM_NFTABLES = 10;
const NEW_GENERATION = 15;
/** In all messages of nftables but that of the generation, the first attribute is the name of the table. */
const ATTRIBUTE_TABLE = 1;

/** The pause before a table is told of again grows while it is touched again and again, and is forgotten after some quiet. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30_000;
const QUIET_MS = 5000;

const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 7: 'bridge', 10: 'ip6' };

/** Tells where somebody else changes tables that are ours. */
export interface TableWatch {
  /** Runs one transaction of our own on a table, in this process or in a child: what it does is no news. */
  own<T>(table: string, run: () => T | Promise<T>): Promise<T>;
  close(): void;
}

/**
 * Watches tables (`ip gantry_proxy`) in the network namespace in which this was called. `onTouched` gets the table's name after transactions of others
 * that change it, later and later where that happens again and again; elements that rules add by themselves are none. Who made a transaction cannot be told by process numbers, which differ between
 * namespaces, so they are counted: one that is over what we made is somebody else's.
 */
export function watchTables(tables: readonly string[], onTouched: (table: string) => void): TableWatch {
  /** Transactions that changed a table and that are not known to be ours. */
  const unclaimed = new Map(tables.map(table => [table, 0]));
  let touched = new Set<string>();
  /** How long each table was left alone before it was told of, in ms, and when. */
  const told = new Map<string, { readonly at: number; readonly pause: number }>();
  const timers = new Set<NodeJS.Timeout>();
  let running = 0;
  let settling: NodeJS.Immediate | undefined;

  const settle = (): void => {
    settling = undefined;
    if (running > 0) return;
    for (const [table, count] of unclaimed) {
      if (count === 0) continue;
      unclaimed.set(table, 0);
      tell(table);
    }
  };
  // two programs that both put a table right would otherwise do nothing else
  const tell = (table: string): void => {
    const last = told.get(table);
    const now = performance.now();
    const isQuiet = last === undefined || now - last.at > last.pause + QUIET_MS;
    const pause = isQuiet ? 0 : Math.min(Math.max(last.pause * 2, FIRST_PAUSE_MS), MAX_PAUSE_MS);
    told.set(table, { at: now + pause, pause });
    const timer = setTimeout(() => {
      timers.delete(timer);
      onTouched(table);
    }, pause);
    timers.add(timer);
  };
  const take = (messages: readonly NetlinkMessage[]): void => {
    for (const { type, data } of messages) {
      if (type >> 8 !== SUBSYSTEM_NFTABLES) continue;
      if ((type & 0xff) !== NEW_GENERATION) {
        const table = tableOf(data);
        if (unclaimed.has(table)) touched.add(table);
        continue;
      }
      for (const table of touched) unclaimed.set(table, (unclaimed.get(table) ?? 0) + 1);
      touched = new Set();
    }
    settling ??= setImmediate(settle);
  };
  // too much at once is a large load, and so large only ours are
  const lost = (): void => {
    if (running === 0) for (const table of tables) tell(table);
  };
  const events: NetlinkEvents = openNetlinkEvents(NETLINK_NETFILTER, [GROUP_NFTABLES], take, lost);
  return {
    async own(table, run) {
      running += 1;
      try {
        const result = await run();
        // the kernel announces a transaction before it is over, so all of it is there
        events.drain();
        unclaimed.set(table, Math.max(0, (unclaimed.get(table) ?? 0) - 1));
        return result;
      } finally {
        running -= 1;
        settling ??= setImmediate(settle);
      }
    },
    close() {
      if (settling !== undefined) clearImmediate(settling);
      for (const timer of timers) clearTimeout(timer);
      events.close();
    },
  };
}

/** `ip gantry_proxy`; empty where the message names none. */
function tableOf(data: Buffer): string {
  if (data.length < 8) return '';
  const length = data.readUInt16LE(4);
  const attribute = data.readUInt16LE(6) & 0x3fff;
  if (attribute !== ATTRIBUTE_TABLE || length < 5 || 4 + length > data.length) return '';
  return `${FAMILIES[data[0] ?? 0] ?? ''} ${data.toString('latin1', 8, 4 + length - 1)}`;
}
