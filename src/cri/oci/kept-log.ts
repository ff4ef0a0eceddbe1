import { existsSync, linkSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoName } from '../../base/errors.ts';
import { rotationTime } from '../../base/rotation-time.ts';

/** A file as stat tells it, as far as it matters here. */
export interface LogFile {
  readonly ino: bigint;
  /** How many names it has. */
  readonly links: bigint;
}

export type KeptLogStep = 'nothing' | 'keep' | 'keep-anew' | 'rotate' | 'let-go';

/**
 * What to do about the second link to a container's log. conmon counts the bytes that it has written since it last began the log anew, not what is in the file:
 * it may put an empty file in the place of one that the kubelet rotated a moment ago, and what was written since would be lost. The link keeps it, and a file
 * that has no other name left was taken away by conmon. Pure.
 */
export function decideKeptLog(log: LogFile | undefined, kept: LogFile | undefined): KeptLogStep {
  if (kept === undefined) return log === undefined ? 'nothing' : 'keep';
  if (kept.ino === log?.ino) return 'nothing';
  // Without a log too: the kubelet may have renamed the one that conmon began anew. One that somebody removed looks the same, and is kept rather than lost.
  if (kept.links === 1n) return 'rotate';
  // renamed by the kubelet, which has it opened anew soon
  return log === undefined ? 'let-go' : 'keep-anew';
}

/**
 * Logs of containers that conmon must not lose. Looked at every few seconds and at each rotation by the kubelet: who writes less than conmon's limit in between
 * loses nothing. What conmon took away gets the name that the kubelet gives a rotated log, and is compressed and removed by it as such. One such file is there
 * at a time, so that a container which writes as fast as it can, with no kubelet about, has three times the limit on the disk.
 */
export class KeptLogs {
  readonly #now: () => number;
  /** By log: the last file that was rotated here. */
  readonly #rotated = new Map<string, string>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Safe to repeat. Throws what the file system says. */
  look(log: string): void {
    const kept = keptPath(log);
    const step = decideKeptLog(fileAt(log), fileAt(kept));
    if (step === 'rotate') this.#rotate(log, kept);
    if (step === 'keep-anew' || step === 'let-go') rmSync(kept, { force: true });
    if (step === 'rotate' || step === 'keep-anew' || step === 'keep') link(log, kept);
  }

  /** For a log that nothing is written to any more. Safe to repeat. */
  release(log: string): void {
    this.look(log);
    rmSync(keptPath(log), { force: true });
    this.#rotated.delete(log);
  }

  #rotate(log: string, kept: string): void {
    const earlier = this.#rotated.get(log);
    if (earlier !== undefined) rmSync(earlier, { force: true });
    const rotated = linkAsRotated(kept, log, this.#now());
    rmSync(kept);
    this.#rotated.set(log, rotated);
  }
}

/** Beside the log, since a link cannot lead elsewhere, and under a name that no pattern of rotated logs (`0.log.*`) takes for one. */
export function keptPath(log: string): string {
  return join(dirname(log), `.${basename(log)}.kept`);
}

function fileAt(path: string): LogFile | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? undefined : { ino: stats.ino, links: stats.nlink };
}

/** The name of this second may be that of a log which the kubelet rotated in it: what is older than that gets an earlier one. */
function linkAsRotated(kept: string, log: string, now: number): string {
  for (let at = now; ; at -= 1000) {
    const rotated = `${log}.${rotationTime(new Date(at))}`;
    if (existsSync(`${rotated}.gz`)) continue;
    try {
      linkSync(kept, rotated);
      return rotated;
    } catch (error) {
      if (errnoName(error) !== 'EEXIST') throw error;
    }
  }
}

function link(log: string, kept: string): void {
  try {
    linkSync(log, kept);
  } catch (error) {
    // renamed between the look and now
    if (errnoName(error) !== 'ENOENT') throw error;
  }
}
