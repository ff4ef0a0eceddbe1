import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import type { CommandStatus } from './command-status.ts';

/** Columns and rows of a terminal. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What an exec or attach asks for. With `tty` there is no stderr: a terminal has one output. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/**
 * How a command ended. `exitCode` 0 is success; `error` is one line for people, which clients get as an internal error. Attach ends with exit code 0 whatever the
 * container's was, as upstream. `status` is one that another server of streams told, handed on.
 */
export type CommandEnd =
  | { readonly exitCode: number }
  | { readonly error: string }
  | { readonly status: CommandStatus };

/**
 * The server's side of an exec or attach, whatever the client speaks. Streams that were not wanted are undefined. None of them throws an uncaught `error`: what is
 * written for a client that is gone, or that closed the stream, is dropped.
 */
export interface RemoteCommand {
  /** Ends when the client closes it or is gone. Unread data of one stream may hold up the client's others (see the README), so read it or destroy it. */
  readonly stdin: Readable | undefined;
  /** A write calls back when the client takes data again: a slow client slows its writer. */
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Told of each size of the client's terminal; at once of the last one that came before. One listener: the newest. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Aborts when the connection ends before `finish`: the client is gone, or broke the protocol, or nothing was sent for the idle time. The reason says which. */
  readonly signal: AbortSignal;
  /**
   * Sends what was written, then how the command ended, then closes. Resolves when the client has it all or is gone; never rejects. May be called again: the first end
   * counts.
   */
  finish(end: CommandEnd): Promise<void>;
}

/** Limits of a served connection; what is left out is upstream's. */
export interface StreamLimits {
  /** A connection on which nothing is sent either way for so long is closed. 4 h. 0: never. */
  readonly idleMs?: number;
  /** For the client to open the streams that it asked for. 30 s. */
  readonly streamCreationMs?: number;
  readonly clock?: Clock;
}

/** Upstream's, for what StreamLimits leave out. */
export const DEFAULT_IDLE_MS = 4 * 3600 * 1000;
export const DEFAULT_STREAM_CREATION_MS = 30_000;
