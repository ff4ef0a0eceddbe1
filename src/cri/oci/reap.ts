import { basename } from 'node:path';
import { internalError } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import { signalProcess } from '../../linux/pidfd.ts';
import type { TreeProcess } from '../../linux/process-tree.ts';
import { readProcessTree, withDescendants } from '../../linux/process-tree.ts';
import type { ProcessRow } from '../../linux/procfs.ts';
import { listProcesses } from '../../linux/procfs.ts';

const SIGKILL = 9;
const ROUNDS = 200;
const PAUSE_MS = 5;
const PROGRAMS: ReadonlySet<string> = new Set(['conmon', 'crun', 'runc']);

/**
 * Kills the monitors and runtimes that were started for any of these containers, and all that descends from them (the container itself, which a half-made
 * create has left waiting to be started). Looks again until a look finds nothing. Safe to repeat. Throws `internal` naming what will not die.
 */
export async function reapAll(ids: readonly string[]): Promise<void> {
  const wanted = new Set(ids);
  if (wanted.size === 0) return;
  for (let round = 0; round < ROUNDS; round++) {
    const found = ownedProcesses(wanted);
    if (found.length === 0) return;
    for (const process of found) signalProcess(process, SIGKILL);
    await sleep(PAUSE_MS);
  }
  const left = ownedProcesses(wanted).map(p => p.pid);
  throw internalError(`processes ${left.join(', ')}, left by an interrupted create, do not end`);
}

function ownedProcesses(ids: ReadonlySet<string>): readonly TreeProcess[] {
  const roots = listProcesses().filter(row => servesOneOf(row, ids));
  return roots.length === 0 ? [] : withDescendants(readProcessTree(), new Set(roots.map(row => row.pid)));
}

/** Whether a process is a monitor or runtime that names one of the containers as a whole argument. */
export function servesOneOf(row: Pick<ProcessRow, 'cmdline'>, ids: ReadonlySet<string>): boolean {
  const [program = '', ...args] = row.cmdline;
  return PROGRAMS.has(basename(program)) && args.some(arg => ids.has(arg));
}
