/**
 * What the CRI services need of an OCI runtime and of a container monitor. crun and runc stand behind the first, conmon behind the second;
 * tests may put fakes behind both.
 */

import type { ProcessIdentity } from '../../linux/procfs.ts';

export type { ProcessIdentity } from '../../linux/procfs.ts';

export interface ExecRequest {
  readonly id: string;
  /** The whole OCI process object (config.json `process`). */
  readonly process: object;
  /** 0 means no limit. */
  readonly timeoutMs: number;
  /** Bytes kept of stdout and of stderr each; what is over is dropped. */
  readonly maxOutputBytes: number;
}

export interface ExecResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exitCode: number;
}

export interface OciRuntime {
  /** `crun`, `runc`, … */
  readonly name: string;
  /** Absolute path of what is executed: the binary, or the link to its sealed copy. */
  readonly path: string;
  /** The installed binary, where `path` is a link to a sealed copy of it. */
  readonly sealedFrom?: string | undefined;
  /** Arguments that precede every verb (`--root=…`). */
  readonly globalArgs: readonly string[];
  /** Starts a created container. Throws the runtime's own message, e.g. when the command is not in the image. */
  start(id: string, signal?: AbortSignal): Promise<void>;
  /** Removes a container's runtime state and cgroups; with `force` kills it first. Safe to repeat: an unknown id is fine. */
  delete(id: string, options: { readonly force: boolean }, signal?: AbortSignal): Promise<void>;
  /** Runs a process inside. A time-out kills everything the process started and throws `deadline-exceeded`. */
  exec(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult>;
  /** Ids the runtime knows, with their state words (`created`, `running`, `stopped`). A start that was cut short after its release counts as done. */
  list(signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
}

export interface MonitorCreateRequest {
  readonly id: string;
  /** Directory with config.json; the monitor's own files go there too. */
  readonly bundle: string;
  /** Absolute path of the CRI log; undefined for none. */
  readonly logPath: string | undefined;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
}

export interface ContainerExit {
  readonly id: string;
  readonly exitCode: number;
  /** Nanoseconds since the epoch. */
  readonly finishedAt: bigint;
  readonly oomKilled: boolean;
}

export interface ContainerMonitor {
  /**
   * Creates the container (not started) under a monitor that outlives this process. Throws the runtime's message. After a throw nothing of the
   * container is left running.
   */
  create(
    request: MonitorCreateRequest,
    runtime: OciRuntime,
    signal?: AbortSignal,
  ): Promise<{ readonly container: ProcessIdentity; readonly monitor: ProcessIdentity }>;
  /** The recorded exit of a container, undefined while there is none. Reads files only. */
  readExit(id: string, bundle: string): ContainerExit | undefined;
  /** Pushes each exit once as it happens, starting now. The returned function ends it. */
  watchExits(onExit: (id: string) => void, onError: (error: Error) => void): () => void;
  /** Makes the monitor reopen its log file. Resolves when the new file is there. */
  reopenLog(bundle: string, logPath: string, signal?: AbortSignal): Promise<void>;
  /** Ends monitors and runtime processes that were started for `id` and are still at work (after a crash in mid-create). Safe to repeat. */
  reap(id: string, bundle: string): Promise<void>;
  /** `reap` for many containers with one look at the process table. */
  reapAll(ids: readonly string[]): Promise<void>;
  /** Removes what `readExit` reads outside the bundle, for a container that is being removed. Safe to repeat. */
  forget(id: string): void;
}
