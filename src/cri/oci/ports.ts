/**
 * What the CRI services need of an OCI runtime and of a container monitor. crun and runc stand behind the first, conmon behind the second;
 * tests may put fakes behind both.
 */

import type { Readable, Writable } from 'node:stream';
import type { ProcessIdentity } from '../../linux/procfs.ts';
import type { TerminalSize } from '../../linux/terminal.ts';

import type { OciResources } from '../spec/oci-spec.ts';

export type { ProcessIdentity } from '../../linux/procfs.ts';

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface ExecRequest {
  readonly id: string;
  /** The whole OCI process object (config.json `process`). */
  readonly process: object;
  /** Whose the streams are, by the machine's ids: a program may open them anew by name (/dev/stderr). The user of `process` unless given. */
  readonly owner?: FileOwner | undefined;
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

/** A process to be run inside a container with its streams open. */
export interface OpenExecRequest {
  readonly id: string;
  /** The whole OCI process object (config.json `process`), `terminal` as below. */
  readonly process: object;
  /** As in ExecRequest. */
  readonly owner?: FileOwner | undefined;
  /** With a terminal there is one stream both ways, and `stderr` must be false. */
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** A process that runs inside a container. The streams are there as they were asked for; with a terminal `stdin` and `stdout` are both its master. */
export interface ExecSession {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Resolves with the exit code, 128 + n after signal n. The streams may have more to say then. Rejects after `hangUp`. */
  readonly exited: Promise<number>;
  /** The program reads the end of its input: its pipe is closed; at a terminal, which has no half to close, the key for it is pressed. */
  endInput(): void;
  /** Of a terminal; without one it does nothing. */
  resize(size: TerminalSize): void;
  /**
   * Closes our ends and waits no longer. The kernel tells the program as it tells those on a terminal whose line went down (SIGHUP) or at the end of a closed
   * pipe (end of file, SIGPIPE); one that takes no notice goes on, and ends with its container. Safe to repeat.
   */
  hangUp(): void;
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
  /** Starts a created container, and runs its poststart hooks where there are some. Throws the runtime's own message, e.g. when the command is not in the image. */
  start(id: string, options?: { readonly poststartHooks?: boolean }, signal?: AbortSignal): Promise<void>;
  /** Removes a container's runtime state and cgroups; with `force` kills it first. Safe to repeat: an unknown id is fine. */
  delete(id: string, options: { readonly force: boolean }, signal?: AbortSignal): Promise<void>;
  /** Changes the limits of a created or running container to these (config.json `linux.resources`). Safe to repeat. Throws the runtime's own message. */
  update(id: string, resources: OciResources, signal?: AbortSignal): Promise<void>;
  /** What its `--version` prints. */
  version(signal?: AbortSignal): Promise<string>;
  /** Has CRIU write the state of a running container, which runs on, into two directories that are there. Takes as long as it takes. Throws the runtime's own message. */
  checkpoint(id: string, into: { readonly imagePath: string; readonly workPath: string }): Promise<void>;
  /** Runs a process inside. A time-out kills everything the process started and throws `deadline-exceeded`. */
  exec(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult>;
  /** Starts a process inside and resolves when it runs. Throws the runtime's own message, e.g. when the program is not in the image. */
  openExec(request: OpenExecRequest, signal?: AbortSignal): Promise<ExecSession>;
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
  /** systemd makes the container's group, as its `cgroupsPath` says: `slice:prefix:name`. */
  readonly bySystemd?: boolean;
}

export interface ContainerExit {
  readonly id: string;
  readonly exitCode: number;
  /** Nanoseconds since the epoch. */
  readonly finishedAt: bigint;
  readonly oomKilled: boolean;
}

/** Where the output of a container goes; what is undefined is dropped. With a terminal all of it is stdout. */
export interface AttachOutputs {
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
}

/** A connection to the streams of a container. */
export interface AttachSession {
  /** The container's input. Ending it closes the input of a container whose stdin is open once, and leaves that of others open. */
  readonly stdin: Writable;
  /** Resolves when the container's output has ended and was handed on. Rejects with `resource-exhausted` when a reader held the container up too long. */
  readonly ended: Promise<void>;
  /** Closes the connection. Safe to repeat. */
  detach(): void;
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
  /** Sees to it that nothing of a log is lost that the monitor begins anew by its size. To be called every few seconds, and after each reopening. Safe to repeat. */
  keepLog(logPath: string): void;
  /** The last of it, when the container has ended. Safe to repeat. */
  releaseLog(logPath: string): void;
  /**
   * Connects to the streams of a created or running container; its output is written to those given. Several may be attached at a time. Throws
   * `failed-precondition` when it has no monitor any more.
   */
  attach(bundle: string, outputs: AttachOutputs, signal?: AbortSignal): Promise<AttachSession>;
  /** Gives the container's terminal its size. Throws `failed-precondition` when it has no monitor any more. */
  resize(bundle: string, size: TerminalSize): void;
  /** Ends monitors and runtime processes that were started for `id` and are still at work (after a crash in mid-create). Safe to repeat. */
  reap(id: string, bundle: string): Promise<void>;
  /** `reap` for many containers with one look at the process table. */
  reapAll(ids: readonly string[]): Promise<void>;
  /** True once a create was begun in this bundle, whatever became of it. */
  hasTraces(bundle: string): boolean;
  /** Removes what a create has left in the bundle, so that the next one does not take it for its own. The create is not at work any more. Safe to repeat. */
  clear(id: string, bundle: string): void;
  /** Removes what `readExit` reads outside the bundle, for a container that is being removed. Safe to repeat. */
  forget(id: string): void;
}
