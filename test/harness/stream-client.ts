import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { tcpSocketIn } from '../../src/linux/netns-socket.ts';
import { SpdySession } from '../../src/remotecommand/spdy/session.ts';
import { collect } from './bytes.ts';

/** A connection that was asked for an upgrade, with the server's answer. */
export interface Asked {
  readonly status: number;
  /** Of an answer that is no upgrade. */
  readonly body: string;
  readonly socket: Duplex;
  readonly head: Buffer;
}

const COMMAND_PROTOCOL = 'v4.channel.k8s.io';

/** Asks for SPDY at a URL on the loopback of a network namespace; over TLS, where it says so, from a server whose certificate `ca` has signed. */
export async function askSpdy(netns: string, url: string, protocol = COMMAND_PROTOCOL, ca?: string): Promise<Asked> {
  const { port, pathname } = new URL(url);
  const plain = await connectIn(netns, Number(port));
  const socket = url.startsWith('https:') ? await secured(plain, ca) : plain;
  return new Promise((resolve, reject) => {
    const sent = request({
      createConnection: () => socket,
      method: 'POST',
      path: pathname,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol },
    });
    sent.on('upgrade', (response, upgraded, head) =>
      resolve({ status: response.statusCode ?? 0, body: '', socket: upgraded, head }),
    );
    sent.on('response', response => {
      const status = response.statusCode ?? 0;
      collect(response).then(body => resolve({ status, body: String(body), socket, head: Buffer.alloc(0) }), reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

function connectIn(netns: string, port: number): Promise<Socket> {
  const socket = tcpSocketIn(netns, 4);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect({ port, host: '127.0.0.1' }, () => resolve(socket));
  });
}

function secured(socket: Socket, ca: string | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ socket, ca, host: '127.0.0.1' }, () => resolve(secure));
    secure.once('error', reject);
  });
}

export interface WantedOfClient {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly tty?: boolean;
}

/** An exec or attach as its client sees it. */
export interface ClientCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  resize(width: number, height: number): void;
  /** What came on the error stream, whole: a Status. */
  readonly end: Promise<{ status: string; message?: string; details?: { causes?: { message?: string }[] } }>;
  /** Cuts the connection, as a client that is killed. */
  cut(): void;
}

/** Opens the streams of an exec or attach at its URL. */
export async function openCommand(
  netns: string,
  url: string,
  wanted: WantedOfClient,
  ca?: string,
): Promise<ClientCommand> {
  const { socket, head, status, body } = await askSpdy(netns, url, COMMAND_PROTOCOL, ca);
  if (status !== 101) throw new Error(`${status}: ${body}`);
  const session = new SpdySession(socket, head, { role: 'client', onStream: () => 1, maxStreams: 0, idleMs: 0 });
  const open = (streamType: string): Promise<Duplex> => session.openStream({ streamtype: streamType });
  const error = await open('error');
  // From the beginning: a server may reset it as soon as all is said.
  const told = allOf(error);
  const { stdin = false, stdout = false, stderr = false, tty = false } = wanted;
  const [input, output, errors, size] = await Promise.all([
    stdin ? open('stdin') : undefined,
    stdout ? open('stdout') : undefined,
    stderr ? open('stderr') : undefined,
    tty ? open('resize') : undefined,
  ]);
  const end = told.then(text => JSON.parse(text));
  // who cuts the connection does not look at it
  end.catch(() => undefined);
  return {
    stdin: input as Writable,
    stdout: output as Readable,
    stderr: errors as Readable,
    resize: (Width, Height) => void size?.write(JSON.stringify({ Width, Height })),
    end,
    cut: () => socket.destroy(),
  };
}

function allOf(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', chunk => {
      text += String(chunk);
    });
    for (const last of ['end', 'close']) stream.once(last, () => resolve(text));
    stream.once('error', reject);
  });
}

/** One forwarded connection as its client sees it. */
export interface ForwardedConnection {
  readonly data: Duplex;
  /** What the server says of a connection that it could not make; empty for one that it could. */
  readonly failure: Promise<string>;
}

/** Opens the connection of a port-forward at its URL: `connect` makes connections on it. */
export async function openPortForward(
  netns: string,
  url: string,
): Promise<{ connect(port: number): Promise<ForwardedConnection>; cut(): void; readonly over: Promise<unknown> }> {
  const { socket, head, status, body } = await askSpdy(netns, url, 'portforward.k8s.io');
  if (status !== 101) throw new Error(`${status}: ${body}`);
  const session = new SpdySession(socket, head, { role: 'client', onStream: () => 1, maxStreams: 0, idleMs: 0 });
  let requests = 0;
  return {
    async connect(port) {
      requests += 1;
      const named = { port: String(port), requestid: String(requests) };
      const error = await session.openStream({ ...named, streamtype: 'error' });
      const failure = allOf(error);
      error.end();
      const data = await session.openStream({ ...named, streamtype: 'data' });
      data.on('error', () => {});
      return { data, failure };
    },
    cut: () => socket.destroy(),
    over: session.ended,
  };
}
