import { setImmediate as nextTurn } from 'node:timers/promises';
import { faultPoint } from '../../linux/fault-point.ts';
import type { AddressJournal, JournalTransaction } from '../journal/journal.ts';
import { entryKey, type JournalEntry } from '../journal/state.ts';
import type { BridgeApplier } from './apply.ts';
import { linksOf } from './collect.ts';
import { isAlive } from './liveness.ts';
import { closeHostPorts, forgetFlowsOf, hasUdpPorts } from './publish-ports.ts';

/** After DEL the caller takes the namespace away and the kernel its links, in about 20 ms. What is left after this time is removed by us. */
const SWEEP_DELAY_MS = 1000;
/** So many attachments at a time lose their links, in one stand of some 25 ms, and then the event loop has a turn. */
const SWEEP_BATCH = 16;

/** What an entry names that has to be gone before its addresses are free. */
type Holding = Pick<JournalEntry, 'containerId' | 'ifname' | 'hostLink' | 'egressLink'>;

/** Ends what DEL began: links of released attachments and flows to them go, then their addresses are free. */
export class ReleasedAttachments {
  readonly #apply: () => BridgeApplier;
  readonly #warn: (message: string, error: unknown) => void;
  readonly #journals: ReadonlyMap<string, AddressJournal>;
  #timer: NodeJS.Timeout | undefined;

  /** `journals` are those that are open, by network; one that is closed while a sweep is under way is left alone. */
  constructor(
    apply: () => BridgeApplier,
    journals: ReadonlyMap<string, AddressJournal>,
    warn: (message: string, error: unknown) => void,
  ) {
    this.#apply = apply;
    this.#journals = journals;
    this.#warn = warn;
  }

  /** Removes the links, however long the kernel takes, and frees the addresses. */
  finish(journal: AddressJournal, entries: readonly Holding[]): void {
    this.#apply().removeLinks(entries.flatMap(linksOf));
    for (const entry of entries) this.free(journal, entry);
  }

  /** Frees the addresses of a released entry whose links are gone; anything else stays as it is. */
  free(journal: AddressJournal, entry: Holding): void {
    const key = entryKey(entry.containerId, entry.ifname);
    journal.transaction(transaction => {
      if (transaction.state.entries.get(key)?.state !== 'releasing' || this.isLeft(entry)) return;
      faultPoint('cni/del/link-gone');
      transaction.append({ op: 'free', key });
      faultPoint('cni/del/address-released');
    });
  }

  isLeft(entry: Holding): boolean {
    return linksOf(entry).some(name => this.#apply().hasLink(name));
  }

  /** Under the lock: frees what nobody can use any more, which are entries of vanished namespaces whose links are gone too. */
  reclaim(transaction: JournalTransaction): void {
    const dead = [...transaction.state.entries].filter(([, entry]) => entry.state === 'releasing' || !isAlive(entry));
    for (const [key, entry] of dead) if (entry.state !== 'releasing') transaction.append({ op: 'release', key });
    const gone = dead.filter(([, entry]) => !hasUdpPorts(entry) && !this.#apply().hasLink(entry.hostLink));
    if (dead.some(([, entry]) => hasUdpPorts(entry))) this.sweepLater();
    // Of these the kernel takes away the near end and its peer by itself; the third link is on the machine.
    this.#apply().removeLinks(gone.flatMap(([, { egressLink }]) => egressLink ?? []));
    for (const [key] of gone) transaction.append({ op: 'free', key });
  }

  sweepLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const sweepAll = async (): Promise<void> => {
        for (const journal of this.#journals.values()) await this.sweep(journal);
      };
      sweepAll().catch((error: unknown) => this.#warn('links of removed pods could not be cleaned up', error));
    }, SWEEP_DELAY_MS).unref();
  }

  async sweep(journal: AddressJournal): Promise<void> {
    const releasing = journal.transaction(({ state }) =>
      [...state.entries.values()].filter(entry => entry.state === 'releasing'),
    );
    const published = releasing.filter(({ hostPorts }) => hostPorts !== undefined);
    if (published.length > 0) closeHostPorts(this.#apply(), journal);
    await forgetFlowsOf(this.#apply(), published);
    for (let at = 0; at < releasing.length; at += SWEEP_BATCH) {
      if (!this.#journals.has(journal.network)) return;
      this.finish(journal, releasing.slice(at, at + SWEEP_BATCH));
      await nextTurn();
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
