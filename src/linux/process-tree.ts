import { readdirSync, readFileSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';
import type { ProcessIdentity } from './procfs.ts';
import { parseProcessStat } from './procfs.ts';

/** A running process with what ties it to others. */
export interface TreeProcess extends ProcessIdentity {
  readonly ppid: number;
  readonly session: number;
}

/** Every running process of this pid namespace; zombies are left out, for a signal does nothing to them. One file read per process. */
export function readProcessTree(): readonly TreeProcess[] {
  const processes: TreeProcess[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = readOrUndefined(`/proc/${name}/stat`);
    if (text === undefined) continue;
    const { state, ppid, startTime } = parseProcessStat(text);
    if (state === 'Z' || state === 'X') continue;
    processes.push({
      pid: Number(name),
      startTime,
      ppid,
      session: Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[3]),
    });
  }
  return processes;
}

/** The given processes and all that descend from them. Pure. */
export function withDescendants(tree: readonly TreeProcess[], roots: ReadonlySet<number>): readonly TreeProcess[] {
  const children = new Map<number, TreeProcess[]>();
  for (const process of tree) children.set(process.ppid, [...(children.get(process.ppid) ?? []), process]);
  const found = new Map<number, TreeProcess>();
  const queue = tree.filter(p => roots.has(p.pid));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (found.has(next.pid)) continue;
    found.set(next.pid, next);
    queue.push(...(children.get(next.pid) ?? []));
  }
  return [...found.values()];
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = errnoName(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
