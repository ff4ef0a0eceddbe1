import { PassThrough, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { CommandEnd, RemoteCommand, TerminalSize, WantedStreams } from '../../src/remotecommand/remote-command.ts';

/** The client's side of a command that is served in memory. */
export interface MemoryClient {
  readonly command: RemoteCommand;
  readonly stdin: PassThrough | undefined;
  /** All of it, once the command has finished. */
  readonly stdout: Promise<Buffer>;
  readonly stderr: Promise<Buffer>;
  /** How it ended. */
  readonly ended: Promise<CommandEnd>;
  resize(size: TerminalSize): void;
  leave(): void;
}

/** A RemoteCommand without a network, for tests of what serves commands. */
export function memoryCommand(wanted: WantedStreams): MemoryClient {
  const stdin = wanted.stdin ? new PassThrough() : undefined;
  const stdout = wanted.stdout ? new PassThrough() : undefined;
  const stderr = wanted.stderr && !wanted.tty ? new PassThrough() : undefined;
  const gone = new AbortController();
  let listener: ((size: TerminalSize) => void) | undefined;
  let last: TerminalSize | undefined;
  let finished = (_: CommandEnd): void => {};
  const ended = new Promise<CommandEnd>(resolve => {
    finished = resolve;
  });
  const all = (stream: Readable | undefined): Promise<Buffer> =>
    stream === undefined ? Promise.resolve(Buffer.alloc(0)) : buffer(stream);
  return {
    command: {
      stdin,
      stdout,
      stderr,
      signal: gone.signal,
      onResize(next) {
        listener = next;
        if (last !== undefined) next(last);
      },
      async finish(end) {
        stdout?.end();
        stderr?.end();
        finished(end);
      },
    },
    stdin,
    stdout: all(stdout),
    stderr: all(stderr),
    ended,
    resize(size) {
      last = size;
      listener?.(size);
    },
    leave() {
      gone.abort(new Error('the client is gone'));
      stdin?.end();
    },
  };
}
