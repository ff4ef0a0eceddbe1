import { fnv32a } from '../../base/hash.ts';

/**
 * Numbers endpoints from 0 on without a gap. Those that stay keep their number as far as they can: what is new fills the holes, then the last ones move
 * into what is left, so that one endpoint more or less changes one or two elements, however many there are.
 */
export function assignSlots(before: readonly string[], wanted: readonly string[]): string[] {
  const isWanted = new Set(wanted);
  const known = new Set(before);
  const added = wanted.filter(key => !known.has(key));
  const slots: (string | undefined)[] = before.map(key => (isWanted.has(key) ? key : undefined));
  for (let i = 0; i < slots.length && added.length > 0; i += 1) if (slots[i] === undefined) slots[i] = added.shift();
  slots.push(...added);
  for (let i = 0; i < slots.length; i += 1) {
    while (slots.length > i && slots.at(-1) === undefined) slots.pop();
    if (i < slots.length && slots[i] === undefined) slots[i] = slots.pop();
  }
  return slots.filter(key => key !== undefined);
}

const HIGHEST_ID = 0x7fffffff;

/**
 * A number for each endpoint by which clients that stay with it are remembered: made from its address, so it is the same after a restart and on whichever place
 * it stands. Never 0, which stands for nothing, and never twice among these.
 */
export function stickyIds(keys: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>();
  const taken = new Set<number>();
  for (const key of keys.toSorted()) {
    let id = fnv32a(key) & HIGHEST_ID;
    while (id === 0 || taken.has(id)) id = (id + 1) & HIGHEST_ID;
    taken.add(id);
    ids.set(key, id);
  }
  return ids;
}

/** A number as nft writes a value of the type classid: two halves in hexadecimal. */
export function classId(value: number): string {
  return `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
}
