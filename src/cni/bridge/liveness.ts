import { netnsInode } from '../../linux/netns.ts';
import type { JournalEntry } from '../journal/state.ts';

/** The liveness test of an address: the very namespace that it was given to is still there. */
export function isAlive(entry: JournalEntry): boolean {
  return netnsInode(entry.netns) === entry.netnsInode;
}
