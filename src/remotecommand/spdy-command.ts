import type { Duplex } from 'node:stream';
import { systemClock } from '../base/clock.ts';
import { GantryError, unavailable } from '../base/errors.ts';
import { commandStatus, errorStreamText } from './command-status.ts';
import { endStream } from './end-stream.ts';
import {
  type CommandEnd,
  DEFAULT_IDLE_MS,
  DEFAULT_STREAM_CREATION_MS,
  type RemoteCommand,
  type StreamLimits,
  type WantedStreams,
} from './remote-command.ts';
import { ResizeDecoder } from './resize-decoder.ts';
import { ResizeListener } from './resize-listener.ts';
import { RESET_CANCEL, RESET_PROTOCOL_ERROR, RESET_REFUSED } from './spdy/frames.ts';
import { SpdySession } from './spdy/session.ts';
import type { SpdyStream } from './spdy/stream.ts';

/** Subprotocols of exec and attach over SPDY, the best first. */
export const SPDY_COMMAND_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

const STREAM_TYPES = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const;
type StreamType = (typeof STREAM_TYPES)[number];

/** Five streams, and some that are refused. */
const MAX_STREAMS = 16;

/**
 * Serves a command on a socket that was upgraded to SPDY. Resolves when the client has opened all streams that it asked for; those that it did not ask for, and a
 * second one of a kind, are reset. Rejects with `deadline-exceeded` when they do not come in time, and with `unavailable` when the client leaves before.
 */
export function serveSpdyCommand(
  socket: Duplex,
  head: Buffer,
  protocol: string,
  wanted: WantedStreams,
  limits: StreamLimits,
): Promise<RemoteCommand> {
  const resizes = protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io';
  const expected = new Set<StreamType>(
    STREAM_TYPES.filter(type =>
      type === 'error'
        ? true
        : type === 'resize'
          ? wanted.tty && resizes
          : type === 'stderr'
            ? wanted.stderr && !wanted.tty
            : wanted[type],
    ),
  );
  const streams = new Map<StreamType, SpdyStream>();
  const clock = limits.clock ?? systemClock;
  const waitMs = limits.streamCreationMs ?? DEFAULT_STREAM_CREATION_MS;
  return new Promise((resolve, reject) => {
    const session = new SpdySession(socket, head, {
      role: 'server',
      maxStreams: MAX_STREAMS,
      idleMs: limits.idleMs ?? DEFAULT_IDLE_MS,
      clock,
      onStream(stream) {
        const type = STREAM_TYPES.find(each => each === stream.headers['streamtype']);
        if (type === undefined || streams.has(type)) return RESET_PROTOCOL_ERROR;
        if (!expected.has(type)) return RESET_REFUSED;
        streams.set(type, stream);
        // after the answer to this stream, so that what is written at once comes behind it
        if (streams.size === expected.size) process.nextTick(begin);
        return undefined;
      },
      onGoAway() {
        session.fail(unavailable('the client is leaving'));
      },
    });
    const cancel = clock.after(waitMs, () =>
      session.fail(new GantryError('deadline-exceeded', 'timed out waiting for client to create streams')),
    );
    const onLoss = (): void => {
      cancel();
      reject(session.signal.reason);
    };
    session.signal.addEventListener('abort', onLoss, { once: true });
    if (session.signal.aborted) onLoss();
    const begin = (): void => {
      cancel();
      session.signal.removeEventListener('abort', onLoss);
      if (!session.signal.aborted) resolve(new SpdyCommand(session, streams, protocol));
    };
  });
}

class SpdyCommand implements RemoteCommand {
  readonly stdin: SpdyStream | undefined;
  readonly stdout: SpdyStream | undefined;
  readonly stderr: SpdyStream | undefined;
  readonly #session: SpdySession;
  readonly #streams: ReadonlyMap<StreamType, SpdyStream>;
  readonly #json: boolean;
  readonly #sizes = new ResizeListener();
  #finished: Promise<void> | undefined;

  constructor(session: SpdySession, streams: ReadonlyMap<StreamType, SpdyStream>, protocol: string) {
    this.#session = session;
    this.#streams = streams;
    this.#json = protocol === 'v4.channel.k8s.io';
    this.stdin = streams.get('stdin');
    this.stdout = streams.get('stdout');
    this.stderr = streams.get('stderr');
    for (const type of ['error', 'stdout', 'stderr'] as const) streams.get(type)?.discardInput();
    const sizes = new ResizeDecoder(size => this.#sizes.tell(size));
    streams.get('resize')?.on('data', (piece: Buffer) => sizes.write(piece));
    if (protocol !== 'channel.k8s.io') return;
    // what kubelets of 1.0 did, and clients of then wait for
    const error = streams.get('error');
    if (error !== undefined) session.reset(error, RESET_CANCEL);
    this.stdin?.end();
  }

  get signal(): AbortSignal {
    return this.#session.signal;
  }

  onResize(listener: Parameters<RemoteCommand['onResize']>[0]): void {
    this.#sizes.listen(listener);
  }

  finish(end: CommandEnd): Promise<void> {
    this.#finished ??= this.#finish(end);
    return this.#finished;
  }

  async #finish(end: CommandEnd): Promise<void> {
    // a client that still sends must not keep its answer waiting
    this.stdin?.discardInput();
    await Promise.all([endStream(this.stdout), endStream(this.stderr)]);
    const error = this.#streams.get('error');
    error?.write(errorStreamText(commandStatus(end), this.#json));
    await Promise.all([endStream(error), endStream(this.stdin), endStream(this.#streams.get('resize'))]);
    await this.#session.close();
  }
}
