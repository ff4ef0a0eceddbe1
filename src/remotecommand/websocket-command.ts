import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { commandStatus, errorStreamText } from './command-status.ts';
import { endStream } from './end-stream.ts';
import type { CommandEnd, RemoteCommand, StreamLimits, WantedStreams } from './remote-command.ts';
import { ResizeDecoder } from './resize-decoder.ts';
import { ResizeListener } from './resize-listener.ts';
import { acceptWebSocket } from './websocket/accept.ts';
import type { ChannelStream } from './websocket/channel-stream.ts';
import { WebSocketChannels } from './websocket/channels.ts';

/** Subprotocols of exec and attach over WebSocket. The client's order counts. */
export const WEBSOCKET_COMMAND_PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
];

/** Channels of a command. The first three are those of its file descriptors. */
export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;
export const ERROR = 3;
export const RESIZE = 4;
export const CHANNELS = 5;

/** Serves a command over WebSocket. Undefined where the handshake is broken: the client has been answered then. */
export function serveWebSocketCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
  wanted: WantedStreams,
  limits: StreamLimits,
): RemoteCommand | undefined {
  const ws = acceptWebSocket(request, socket, head, protocol);
  if (ws === undefined) return undefined;
  const channels = new WebSocketChannels(ws, socket, {
    count: CHANNELS,
    reads: channel => (channel === STDIN && wanted.stdin) || channel === RESIZE,
    base64: protocol.includes('base64.'),
    closes: protocol === 'v5.channel.k8s.io',
    sendsCloses: false,
    limits,
  });
  return new WebSocketCommand(channels, wanted, protocol.startsWith('v'));
}

class WebSocketCommand implements RemoteCommand {
  readonly stdin: ChannelStream | undefined;
  readonly stdout: ChannelStream | undefined;
  readonly stderr: ChannelStream | undefined;
  readonly #channels: WebSocketChannels;
  readonly #json: boolean;
  readonly #sizes = new ResizeListener();
  #finished: Promise<void> | undefined;

  constructor(channels: WebSocketChannels, wanted: WantedStreams, json: boolean) {
    this.#channels = channels;
    this.#json = json;
    this.stdin = wanted.stdin ? channels.stream(STDIN) : undefined;
    this.stdout = wanted.stdout ? channels.stream(STDOUT) : undefined;
    this.stderr = wanted.stderr && !wanted.tty ? channels.stream(STDERR) : undefined;
    const sizes = new ResizeDecoder(size => this.#sizes.tell(size));
    channels.stream(RESIZE).on('data', (piece: Buffer) => sizes.write(piece));
    // an empty message tells the client that the connection stands
    channels.send(wanted.stdout ? STDOUT : this.stderr !== undefined ? STDERR : ERROR, Buffer.alloc(0), () => {});
  }

  get signal(): AbortSignal {
    return this.#channels.signal;
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
    await Promise.all([this.stdout, this.stderr].map(endStream));
    const text = errorStreamText(commandStatus(end), this.#json);
    if (text !== '') this.#channels.send(ERROR, Buffer.from(text), () => {});
    await this.#channels.close();
  }
}
