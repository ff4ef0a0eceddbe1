import { errnoName, errorCode, errorMessage, GantryError } from '../base/errors.ts';
import type { LogEnd } from './host/logs.ts';

/** What is known when a step of `create` has failed. */
export interface FailedStep {
  readonly error: unknown;
  readonly clustersDir: string;
  /** Bytes that are free there. */
  readonly freeBytes: number;
  /** The ends of the logs of the daemons that were started. */
  readonly logs: readonly LogEnd[];
}

const NO_ROOM = /ENOSPC|EDQUOT|no space left on device|disk quota exceeded/i;
/** With less than that nothing that writes goes on for long. */
const FULL_BYTES = 1 << 20;
/** What is shown of logs fits on a screen. */
const LINES_PER_DAEMON = 6;
const LINE_CHARACTERS = 240;

/** The error with what is behind it and what to do: a full disk makes many steps fail, each in its own words. Pure. */
export function explainFailure({ error, clustersDir, freeBytes, logs }: FailedStep): unknown {
  if (errorCode(error) === 'cancelled') return error;
  const message = errorMessage(error);
  // unshare says of a limit of namespaces what is said of disks
  if (/unshare failed: No space left on device/.test(message))
    return new GantryError(
      'resource-exhausted',
      'the kernel makes no more namespaces: raise the limits (sysctl user.max_net_namespaces, user.max_mnt_namespaces and their like), or delete what has them',
      { cause: error },
    );
  const said = errnoName(error) === 'EDQUOT' || NO_ROOM.test(message) || logs.some(({ text }) => NO_ROOM.test(text));
  if (!said && freeBytes >= FULL_BYTES) return error;
  return new GantryError(
    'resource-exhausted',
    `no space is left on the disk of ${clustersDir} (${Math.floor(freeBytes / 1e6)} MB are free): make room, or name another place with --clusters-dir; seen as: ${message}`,
    { cause: error },
  );
}

/** The last complaints of the daemons, a line each, with whose they are before them. Empty where nobody complained. Pure. */
export function logExcerpt(logs: readonly LogEnd[]): readonly string[] {
  return logs.flatMap(({ host, service, text }) => {
    const lines = text
      .split('\n')
      .flatMap(line => complaint(line) ?? [])
      .filter((line, i, all) => line !== all[i - 1])
      .slice(-LINES_PER_DAEMON);
    return lines.length === 0 ? [] : [`${service} on ${host}:`, ...lines.map(line => `  ${shortened(line)}`)];
  });
}

/** A line that warns or worse, in words: ours are JSON, etcd's are text or JSON, and what Node and Go say as they die is neither. */
function complaint(line: string): string | undefined {
  if (line.trim() === '') return undefined;
  try {
    const { level, msg, because, err, error } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (level === 'info' || level === 'debug' || level === 'trace') return undefined;
    return [msg, because, error, typeof err === 'string' ? err : undefined]
      .filter(part => typeof part === 'string')
      .join(': ');
  } catch {
    const [, severity] = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ ([A-Z]) \| /.exec(line) ?? [];
    return severity === 'I' || severity === 'D' || severity === 'N' ? undefined : line;
  }
}

function shortened(line: string): string {
  return line.length > LINE_CHARACTERS ? `${line.slice(0, LINE_CHARACTERS)}…` : line;
}
