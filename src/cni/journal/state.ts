import type { HostPort } from '../bridge/host-ports.ts';

/**
 * What the address journal of one network says, and how its lines change it. Pure.
 *
 *   (nothing) --take--> taking --ready--> ready --release--> releasing --free--> (nothing)
 *                         `-----------------release--------------^
 *
 * An address belongs to its entry in all three states: it is free again only after `free`, which is written when the link is gone.
 */
export type EntryState = 'taking' | 'ready' | 'releasing';

export interface JournalEntry {
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  /** Tells the namespace from a later one at the same path. */
  readonly netnsInode: number;
  /** The near end of the veth pair; the name is made from container id and ifname, so it is known before the link is. */
  readonly hostLink: string;
  /** The link through which goes what the pod sends, where that is limited. */
  readonly egressLink?: string;
  /** Who has attached it, where that was not the runtime of this program. */
  readonly runner?: string;
  readonly ips: readonly string[];
  /** Ports of the machine that lead here; none where it is not there, as in journals of earlier versions. */
  readonly hostPorts?: readonly HostPort[];
  readonly state: EntryState;
}

export type JournalLine =
  | ({ readonly op: 'take' } & Omit<JournalEntry, 'state'>)
  | { readonly op: 'ready' | 'release' | 'free'; readonly key: string };

export interface JournalState {
  /** By `entryKey`. */
  readonly entries: ReadonlyMap<string, JournalEntry>;
  readonly taken: ReadonlySet<string>;
  /** The addresses handed out last, in the order of the range sets. */
  readonly last: readonly string[];
}

/** Container ids and link names hold no blank. */
export function entryKey(containerId: string, ifname: string): string {
  return `${containerId} ${ifname}`;
}

/** The state as it grows line by line. A line about a key that is not there changes nothing: lines may be repeated after a crash. */
export class JournalBuilder implements JournalState {
  readonly entries = new Map<string, JournalEntry>();
  readonly taken = new Set<string>();
  last: readonly string[];

  constructor(last: readonly string[] = []) {
    this.last = last;
  }

  apply(line: JournalLine): void {
    if (line.op === 'take') {
      const { op: _, ...entry } = line;
      this.entries.set(entryKey(line.containerId, line.ifname), { ...entry, state: 'taking' });
      for (const ip of line.ips) this.taken.add(ip);
      this.last = line.ips;
      return;
    }
    const entry = this.entries.get(line.key);
    if (entry === undefined) return;
    if (line.op === 'free') {
      this.entries.delete(line.key);
      for (const ip of entry.ips) this.taken.delete(ip);
      return;
    }
    this.entries.set(line.key, { ...entry, state: line.op === 'ready' ? 'ready' : 'releasing' });
  }
}

/** The lines that bring an empty journal into this state. */
export function stateLines(state: JournalState): JournalLine[] {
  return [...state.entries].flatMap(([key, { state: stage, ...entry }]): JournalLine[] => {
    const take = { op: 'take' as const, ...entry };
    if (stage === 'taking') return [take];
    return [take, { op: stage === 'ready' ? 'ready' : 'release', key }];
  });
}
