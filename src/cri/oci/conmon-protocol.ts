import { join } from 'node:path';
import { internalError } from '../../base/errors.ts';
import type { MonitorCreateRequest, OciRuntime } from './ports.ts';

/** Files in a bundle that conmon or the runtime makes for us. */
export const CONMON_FILES = {
  monitorPid: 'conmon.pid',
  containerPid: 'container.pid',
  /** conmon's own stderr. */
  complaints: 'conmon.log',
  /** Decimal exit code. */
  exit: 'exit',
  /** Empty; there when the kernel killed something of the container for memory. */
  oom: 'oom',
  /** FIFO for control lines. */
  control: 'ctl',
  /** FIFO for the size of a terminal, in older form; nobody writes to it here. */
  windowSize: 'winsz',
  /** SOCK_SEQPACKET socket: the container's streams, for whoever connects. */
  attach: 'attach',
} as const;

export interface ConmonSettings {
  /** Where it leaves a file per exit. */
  readonly exitDir: string;
  /** Bytes after which it begins a log anew; 0 for never. */
  readonly logSizeMax: number;
}

/** conmon's command line (2.1). The attach socket lies in the bundle, so that nothing is left when the bundle goes. */
export function conmonArgs(
  request: MonitorCreateRequest,
  runtime: OciRuntime,
  { exitDir, logSizeMax }: ConmonSettings,
): readonly string[] {
  return [
    '--bundle',
    request.bundle,
    '--cid',
    request.id,
    '--cuuid',
    request.id,
    '--name',
    request.id,
    '--exit-dir',
    exitDir,
    '--persist-dir',
    request.bundle,
    '--log-path',
    request.logPath ?? 'none',
    ...(request.logPath !== undefined && logSizeMax > 0 ? ['--log-size-max', String(logSizeMax)] : []),
    '--log-level',
    'error',
    '--conmon-pidfile',
    join(request.bundle, CONMON_FILES.monitorPid),
    '--container-pidfile',
    join(request.bundle, CONMON_FILES.containerPid),
    '--full-attach',
    '--no-sync-log',
    '--runtime',
    runtime.path,
    ...runtime.globalArgs.flatMap(arg => ['--runtime-arg', arg]),
    ...(request.bySystemd === true ? ['--systemd-cgroup'] : []),
    ...(request.terminal ? ['--terminal'] : request.stdin ? ['--stdin'] : []),
    ...(request.stdin && !request.stdinOnce ? ['--leave-stdin-open'] : []),
  ];
}

export interface SyncMessage {
  /** The container's first process; undefined when it was not created. */
  readonly pid: number | undefined;
  /** The runtime's words in that case. */
  readonly text: string;
}

/** Parses the one line conmon answers with: `{"pid": N}` or `{"pid": -1, "message": "…"}`. Throws `internal` on anything else. */
export function parseSyncMessage(line: string): SyncMessage {
  let value: { pid?: unknown; message?: unknown };
  try {
    value = JSON.parse(line) as { pid?: unknown; message?: unknown };
  } catch (cause) {
    throw internalError(`conmon answered what is not JSON: ${line}`, { cause });
  }
  if (typeof value.pid !== 'number') throw internalError(`conmon answered without a pid: ${line}`);
  return { pid: value.pid > 0 ? value.pid : undefined, text: typeof value.message === 'string' ? value.message : '' };
}
