import { GantryError } from '../../base/errors.ts';
import { waitForExit } from '../../linux/command.ts';
import { DescriptorStream } from '../../linux/fd-stream.ts';
import { readPipe, writePipe } from '../../linux/pipe.ts';
import { endOfInputByte, sayCarriageReturns, setTerminalSize } from '../../linux/terminal.ts';
import type { ExecSession, OpenExecRequest } from './ports.ts';

/** Our ends of a process's pipes; -1 where there is none. */
export interface PipeEnds {
  readonly stdin: number;
  readonly stdout: number;
  /** Always there: it carried the runtime's own words before. */
  readonly stderr: number;
}

/** A started process with pipes, which it owns from now on. */
export function pipeSession(pid: number, ends: PipeEnds, request: OpenExecRequest): ExecSession {
  const { exited, leave } = exitOf(pid);
  const stdin = ends.stdin < 0 ? undefined : writePipe(ends.stdin);
  const stdout = ends.stdout < 0 ? undefined : readPipe(ends.stdout);
  const stderr = readPipe(ends.stderr);
  // A program need not read its input: what the closed pipe says is its choice, and its exit code tells the rest.
  stdin?.on('error', () => stdin.destroy());
  if (!request.stderr) stderr.resume();
  return {
    stdin,
    stdout,
    stderr: request.stderr ? stderr : undefined,
    exited,
    endInput: () => void stdin?.end(),
    resize: () => {},
    hangUp() {
      leave();
      for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    },
  };
}

/** A started process with a terminal, whose master it owns from now on. */
export function terminalSession(pid: number, master: number): ExecSession {
  const { exited, leave } = exitOf(pid);
  sayCarriageReturns(master);
  const stream = new DescriptorStream(master);
  return {
    stdin: stream,
    stdout: stream,
    stderr: undefined,
    exited,
    endInput() {
      const key = stream.descriptor === undefined ? undefined : endOfInputByte(stream.descriptor);
      // Pressed once it hands over a line that was begun; only on an empty one it is the end.
      if (key !== undefined) stream.write(Buffer.of(key, key));
    },
    resize(size) {
      if (stream.descriptor !== undefined) setTerminalSize(stream.descriptor, size);
    },
    hangUp() {
      leave();
      stream.destroy();
    },
  };
}

function exitOf(pid: number): { readonly exited: Promise<number>; leave(): void } {
  const left = new AbortController();
  const exited = waitForExit(pid, left.signal).then(({ code, signal }) => code ?? 128 + (signal ?? 0));
  exited.catch(() => undefined);
  return { exited, leave: () => left.abort(new GantryError('cancelled', 'nobody waits for the process any more')) };
}
