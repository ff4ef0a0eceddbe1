/** When and how the logs of containers are rotated: `containerLogMaxSize` and the fields beside it. */
export interface LogRotationPolicy {
  readonly maxBytes: number;
  /** The current one and those that were rotated. */
  readonly maxFiles: number;
  readonly workers: number;
  readonly intervalMs: number;
}

export interface LogRotationPlan {
  readonly remove: readonly string[];
  /** Those that stay and are not compressed yet, oldest first. */
  readonly compress: readonly string[];
}

const TEMPORARY = '.tmp';
export const COMPRESSED = '.gz';

/**
 * What is to be done with rotated logs before the next one comes beside them: what an interrupted rotation left goes, and the oldest, so that with the
 * current log and the one that it becomes there are `maxFiles`. `log` is the name of the current log, `names` what is in its directory. Pure.
 */
export function planLogRotation(log: string, names: readonly string[], maxFiles: number): LogRotationPlan {
  // conmon's next log for the moment before it takes its name: without it conmon would end
  const mine = names.filter(name => name.startsWith(`${log}.`) && name !== `${log}${TEMPORARY}`);
  const present = new Set(mine);
  const isUsed = (name: string): boolean =>
    !name.endsWith(TEMPORARY) && (name.endsWith(COMPRESSED) || !present.has(`${name}${COMPRESSED}`));
  const used = mine.filter(isUsed).sort();
  const kept = used.slice(Math.max(0, used.length - Math.max(0, maxFiles - 2)));
  return {
    remove: [...mine.filter(name => !isUsed(name)), ...used.filter(name => !kept.includes(name))],
    compress: kept.filter(name => !name.endsWith(COMPRESSED)),
  };
}
