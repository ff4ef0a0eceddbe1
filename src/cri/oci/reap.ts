import { basename } from 'node:path';
import { killUntilGone } from '../../linux/kill-until-gone.ts';
import type { TreeProcess } from '../../linux/process-tree.ts';
import { readProcessTree, withDescendants } from '../../linux/process-tree.ts';
import type { ProcessRow } from '../../linux/procfs.ts';
import { listProcesses } from '../../linux/procfs.ts';

/** The names that monitors and runtimes have from their packages. */
export const PROGRAMS: ReadonlySet<string> = new Set(['conmon', 'crun', 'runc']);

/**
 * Kills the monitors and runtimes that were started for any of these containers, and all that descends from them (the container itself, which a half-made
 * create has left waiting to be started). Looks again until a look finds nothing. Safe to repeat. Throws `internal` naming what will not die.
 */
export async function reapAll(ids: readonly string[], programs: ReadonlySet<string> = PROGRAMS): Promise<void> {
  const wanted = new Set(ids);
  if (wanted.size === 0) return;
  await killUntilGone('an interrupted create', () => ownedProcesses(wanted, programs));
}

function ownedProcesses(ids: ReadonlySet<string>, programs: ReadonlySet<string>): readonly TreeProcess[] {
  const roots = listProcesses().filter(row => servesOneOf(row, ids, programs));
  return roots.length === 0 ? [] : withDescendants(readProcessTree(), new Set(roots.map(row => row.pid)));
}

/** Whether a process is a monitor or runtime that names one of the containers as a whole argument. */
export function servesOneOf(
  row: Pick<ProcessRow, 'cmdline'>,
  ids: ReadonlySet<string>,
  programs: ReadonlySet<string> = PROGRAMS,
): boolean {
  const [program = '', ...args] = row.cmdline;
  return programs.has(basename(program)) && args.some(arg => ids.has(arg));
}
