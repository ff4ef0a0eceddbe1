import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { errorMessage, GantryError, unavailable } from '../base/errors.ts';
import { connectBackend, requestUpgrade, type StreamBackend } from './backend.ts';
import { openSpdyCommand, type RemoteCommandClient, readStatus } from './command-client.ts';
import type { WantedStreams } from './remote-command.ts';
import { encodeSize } from './resize-decoder.ts';
import { spdyHeaders } from './spdy-headers.ts';
import { WEBSOCKET_OPTIONS } from './websocket/accept.ts';
import { type ChannelOptions, WebSocketChannels } from './websocket/channels.ts';
import { CHANNELS, ERROR, RESIZE, STDERR, STDIN, STDOUT } from './websocket-command.ts';

export interface DialOptions {
  /** SPDY speaks v4, WebSocket v5. */
  readonly protocol: 'spdy' | 'websocket';
  readonly headers?: Readonly<Record<string, string>>;
  /** For the time until the command has its streams. */
  readonly signal: AbortSignal;
}

/** A backend's answer to an upgrade request that is not 101. The message is upstream's. */
export class UpgradeRefused extends GantryError {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super('failed-precondition', `unable to upgrade connection: ${refusalMessage(body)}`);
    this.status = status;
    this.body = body;
  }
}

const V4 = 'v4.channel.k8s.io';
const V5 = 'v5.channel.k8s.io';
const CLIENT_CHANNELS: ChannelOptions = {
  count: CHANNELS,
  reads: channel => channel === STDOUT || channel === STDERR || channel === ERROR,
  base64: false,
  closes: true,
  sendsCloses: true,
  limits: { idleMs: 0 },
};
/** Of a refusal. */
const MAX_BODY = 64 * 1024;

/** Asks a backend for a command. Throws UpgradeRefused where it refuses, `unavailable` where there is no answer, and the signal's reason. */
export async function dialRemoteCommand(
  backend: StreamBackend,
  wanted: WantedStreams,
  options: DialOptions,
): Promise<RemoteCommandClient> {
  if (options.protocol === 'websocket') return await dialWebSocket(backend, wanted, options);
  const { headers = {}, signal } = options;
  const answer = await requestUpgrade(backend, { method: 'POST', headers: spdyHeaders(headers, [V4]) }, signal);
  if (!answer.upgraded) throw await refusalOf(answer.response);
  return await openSpdyCommand(answer.socket, answer.head, wanted, signal);
}

async function dialWebSocket(
  backend: StreamBackend,
  wanted: WantedStreams,
  { headers, signal }: DialOptions,
): Promise<RemoteCommandClient> {
  const socket = await connectBackend(backend, signal);
  // the connection is there, with its TLS
  const url = new URL(backend.url.href.replace(/^http/, 'ws').replace(/^wss/, 'ws'));
  const ws = new WebSocket(url, V5, {
    ...WEBSOCKET_OPTIONS,
    headers: { ...headers, host: backend.url.host },
    createConnection: () => socket as Socket,
  });
  const leave = (): void => void socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  let channels: WebSocketChannels;
  try {
    channels = await new Promise<WebSocketChannels>((resolve, reject) => {
      // at once: messages may have come with the answer
      ws.once('open', () => resolve(new WebSocketChannels(ws, socket, CLIENT_CHANNELS)));
      ws.once('unexpected-response', (_, response) => refusalOf(response).then(reject, reject));
      ws.on('error', error => reject(unavailable(`${backend.url.host}: ${errorMessage(error)}`, { cause: error })));
    });
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
  return {
    stdin: wanted.stdin ? channels.stream(STDIN) : undefined,
    stdout: wanted.stdout ? channels.stream(STDOUT) : undefined,
    stderr: wanted.stderr && !wanted.tty ? channels.stream(STDERR) : undefined,
    resize: size => void (wanted.tty && channels.stream(RESIZE).write(encodeSize(size))),
    ended: readStatus(channels.stream(ERROR), channels.signal),
    close: () => channels.close(),
  };
}

async function refusalOf(response: IncomingMessage): Promise<UpgradeRefused> {
  let body = '';
  for await (const piece of response) {
    body += piece;
    if (body.length > MAX_BODY) break;
  }
  response.destroy();
  return new UpgradeRefused(response.statusCode ?? 0, body);
}

/** The message of a Status, or of another JSON error, or the body itself, as client-go takes it. */
function refusalMessage(body: string): string {
  try {
    const { message, error } = JSON.parse(body) as { message?: unknown; error?: unknown };
    for (const text of [message, error]) if (typeof text === 'string' && text.trim() !== '') return text.trim();
  } catch {
    // no JSON: the body is the message
  }
  return body.trim() === '' ? 'empty server response' : body.trim();
}
