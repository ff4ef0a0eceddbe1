import type { Change } from '../../../src/apiserver/storage/storage.ts';

/** What a watcher may see: the keys of a scope (a prefix that ends in `/`, or one key), and of those what matches. */
export interface Sight {
  readonly scope: string;
  readonly matches: (value: Buffer) => boolean;
}

/** One event as a watcher has to be told it. */
export interface Told {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly key: string;
  readonly revision: number;
}

/** What is there at a revision, sorted by key, with the revision of each. */
export function stateAt(history: readonly Change[], revision: number, scope = '/'): [string, number][] {
  const state = new Map<string, number>();
  for (const change of history) {
    if (change.revision > revision) break;
    if (!inScope(change.key, scope)) continue;
    if (change.type === 'put') state.set(change.key, change.revision);
    else state.delete(change.key);
  }
  return [...state].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** All that a watcher has to be told of a history, from its beginning: what leaves its sight is told as deleted. */
export function toldTo(history: readonly Change[], { scope, matches }: Sight): Told[] {
  const told: Told[] = [];
  const seen = new Set<string>();
  for (const { key, revision, type, value } of history) {
    if (!inScope(key, scope)) continue;
    const was = seen.has(key);
    const is = type === 'put' && matches(value);
    if (is) seen.add(key);
    else seen.delete(key);
    if (is || was) told.push({ type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', key, revision });
  }
  return told;
}

function inScope(key: string, scope: string): boolean {
  return scope.endsWith('/') ? key.startsWith(scope) : key === scope;
}

/**
 * True where what a reader got of one key is what was there at some moment of its read. `notBefore` is the newest revision that had been
 * acknowledged when the read began, `found` the revision that it got, undefined for "not found".
 */
export function isFreshRead(
  history: readonly Change[],
  key: string,
  notBefore: number,
  found: number | undefined,
): boolean {
  const ofKey = history.filter(change => change.key === key);
  const atStart = ofKey.findLast(change => change.revision <= notBefore);
  if (found !== undefined)
    return (
      found >= (atStart?.revision ?? 0) && ofKey.some(change => change.revision === found && change.type === 'put')
    );
  return atStart?.type !== 'put' || ofKey.some(change => change.revision > notBefore && change.type === 'delete');
}
