import { readFileSync } from 'node:fs';
import { sleep } from '../../base/signals.ts';
import { killUntilGone } from '../../linux/kill-until-gone.ts';
import type { TreeProcess } from '../../linux/process-tree.ts';
import { readProcessTree, withDescendants } from '../../linux/process-tree.ts';
import { isAlive, listProcesses } from '../../linux/procfs.ts';

/** What an exec left as its tracks. */
export interface ExecTracks {
  /** Given to the runtime on its command line, and to nothing else: finds the runtime's processes. */
  readonly processFile: string;
  /** Where the runtime writes the pid of what it started. */
  readonly pidFile: string;
}

/** The runtime has nothing left to do but to collect its child and end. */
const COLLECT_PATIENCE_MS = 1_000;
const LOOK_MS = 5;

/**
 * Ends everything an exec has started: the runtime's own processes, the program, what descends from it, and the members of its session, which stay behind
 * when a shell is killed. Looks again until a look finds nothing, for a process may fork between the look and the signal. Only a process that made itself a
 * session of its own and was left by its parent is beyond reach. The runtime goes last, and by itself where it can: a program whose runtime has gone before it is
 * left to the first process of the container, and stays there as a zombie when that one collects nobody. Throws `internal` when something will not die
 * (uninterruptible sleep).
 */
export async function killExec(tracks: ExecTracks): Promise<void> {
  const sessions = new Set<number>();
  const what = 'a command that was called off';
  const all = (): ExecProcesses => execProcesses(tracks, sessions);
  let met = false;
  await killUntilGone(what, () => {
    const { inside } = all();
    met ||= inside.length > 0;
    return inside;
  });
  // One that has started nothing yet does not end by itself.
  const runtimes = met ? all().runtimes : [];
  for (let waited = 0; runtimes.some(isAlive) && waited < COLLECT_PATIENCE_MS; waited += LOOK_MS) await sleep(LOOK_MS);
  await killUntilGone(what, () => {
    const { inside, runtimes: left } = all();
    return [...inside, ...left];
  });
}

interface ExecProcesses {
  /** What the caller started: the process that waits for the others. */
  readonly runtimes: readonly TreeProcess[];
  /** What the runtime started, and what came of it. */
  readonly inside: readonly TreeProcess[];
}

function execProcesses(tracks: ExecTracks, sessions: Set<number>): ExecProcesses {
  const tree = readProcessTree();
  const runtimes = new Set(
    listProcesses()
      .filter(p => p.cmdline.includes(tracks.processFile))
      .map(p => p.pid),
  );
  const outside = new Set(tree.filter(p => runtimes.has(p.pid)).map(p => p.session));
  const pid = readPid(tracks.pidFile);
  const program = tree.find(p => p.pid === pid);
  // A pid that is in the file but neither below the runtime nor ours nor in the known session may already be someone else's.
  const below = withDescendants(tree, runtimes);
  const started = program?.ppid === process.pid || below.some(p => p.pid === program?.pid);
  if (program !== undefined && started && !outside.has(program.session)) sessions.add(program.session);
  const members = tree.filter(p => sessions.has(p.session)).map(p => p.pid);
  const found = withDescendants(tree, new Set([...runtimes, ...members]));
  const outermost = found.filter(p => runtimes.has(p.pid) && !runtimes.has(p.ppid));
  return { runtimes: outermost, inside: found.filter(p => !outermost.includes(p)) };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
