import type { Duplex, Readable, Writable } from 'node:stream';
import { errorMessage } from '../base/errors.ts';
import { type CommandStatus, readErrorStream } from './command-status.ts';
import type { TerminalSize, WantedStreams } from './remote-command.ts';
import { encodeSize } from './resize-decoder.ts';
import { SpdySession } from './spdy/session.ts';
import type { SpdyStream } from './spdy/stream.ts';

/** The client's side of an exec or attach. Streams that were not wanted are undefined; none of them throws. */
export interface RemoteCommandClient {
  /** Ending it ends the command's stdin. */
  readonly stdin: Writable | undefined;
  /** Read them: what is not read may hold up all that comes after it. */
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Has no effect without a terminal. */
  resize(size: TerminalSize): void;
  /** How the command ended, once the server has told it or the connection is lost; never rejects. Output may still be unread then. */
  readonly ended: Promise<CommandStatus>;
  /** Ends the connection. May be repeated. */
  close(): Promise<void>;
}

/** Of an error stream. */
const MAX_STATUS = 256 * 1024;

/**
 * Opens the streams of a command on a connection that was upgraded to SPDY with v4. Throws `unavailable` where the server does not take them, and the signal's
 * reason; the connection is ended then.
 */
export async function openSpdyCommand(
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
  signal: AbortSignal,
): Promise<RemoteCommandClient> {
  const session = new SpdySession(socket, head, {
    role: 'client',
    maxStreams: 0,
    idleMs: 0,
    onStream: () => undefined,
  });
  const leave = (): void => void session.close();
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  const open = async (type: string, isWanted: boolean): Promise<SpdyStream | undefined> =>
    isWanted ? await session.openStream({ streamtype: type }) : undefined;
  try {
    const [error, stdin, stdout, stderr, resize] = await Promise.all([
      session.openStream({ streamtype: 'error' }),
      open('stdin', wanted.stdin),
      open('stdout', wanted.stdout),
      open('stderr', wanted.stderr && !wanted.tty),
      open('resize', wanted.tty),
    ]);
    // the server ends its half when the command reads no more
    stdin?.once('end', () => stdin.end());
    stdin?.discardInput();
    resize?.discardInput();
    return {
      stdin,
      stdout,
      stderr,
      resize: size => void resize?.write(encodeSize(size)),
      ended: readStatus(error, session.signal),
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Reads an error stream to its end. `lost` tells why where it ends with nothing. Never rejects. */
export async function readStatus(stream: Duplex, lost: AbortSignal): Promise<CommandStatus> {
  let text = '';
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    if (text.length < MAX_STATUS) text += piece;
  }
  if (text !== '') return readErrorStream(text);
  const why = lost.aborted ? errorMessage(lost.reason) : 'the server told no status';
  return { status: 'Failure', message: `Internal error occurred: ${why}`, reason: 'InternalError', code: 500 };
}
