import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { UpgradeAnswer } from './backend.ts';
import { adoptSocket, closeSoon } from './refuse-upgrade.ts';

const LINGER_MS = 2_000;
/** Of the answer itself: the backend's connection is ours, and the length may change with it. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'trailer']);

/** A client that asked for an upgrade: its request, its connection, and what it has sent after the request. */
export interface UpgradeClient {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * Gives a client the answer of a backend: 101 and from then on the raw bytes both ways, each way as fast as its reader and ended on its own; or the refusal with its
 * body, after which the connection is closed. Resolves when that has ended; never rejects.
 */
export function passUpgrade(
  answer: UpgradeAnswer,
  { socket, head }: Omit<UpgradeClient, 'request'>,
  signal: AbortSignal,
): Promise<void> {
  adoptSocket(socket);
  if (!answer.upgraded) return passRefusal(answer.response, socket);
  adoptSocket(answer.socket);
  socket.write(responseHead(answer.response, false));
  if (answer.head.length > 0) socket.write(answer.head);
  if (head.length > 0) answer.socket.write(head);
  return passBytes(socket, answer.socket, signal);
}

/** Copies both ways until both have ended; what breaks one way ends the other. Never rejects. */
export async function passBytes(left: Duplex, right: Duplex, signal: AbortSignal): Promise<void> {
  const both = new AbortController();
  const stop = (): void => both.abort();
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const one = (from: Duplex, to: Duplex): Promise<void> =>
    pipeline(from, to, { signal: both.signal }).catch((error: unknown) => {
      stop();
      throw error;
    });
  const results = await Promise.allSettled([one(left, right), one(right, left)]);
  signal.removeEventListener('abort', stop);
  if (results.some(result => result.status === 'rejected')) {
    left.destroy();
    right.destroy();
  }
}

async function passRefusal(response: IncomingMessage, socket: Duplex): Promise<void> {
  socket.write(responseHead(response, true));
  try {
    await pipeline(response, socket);
    closeSoon(socket, LINGER_MS);
  } catch {
    socket.destroy();
  }
}

function responseHead(response: IncomingMessage, closing: boolean): string {
  let text = `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\n`;
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i] ?? '';
    if (closing && HOP_BY_HOP.has(name.toLowerCase())) continue;
    text += `${name}: ${response.rawHeaders[i + 1]}\r\n`;
  }
  return `${text}${closing ? 'Connection: close\r\n' : ''}\r\n`;
}

/** The request's headers with the wished changes, and the client's address added to X-Forwarded-For. */
export function forwardedHeaders(
  request: IncomingMessage,
  changes: Readonly<Record<string, string | undefined>>,
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of Object.entries(request.headersDistinct))
    if (values !== undefined) headers[name] = values.length === 1 ? values[0] : values;
  const address = request.socket instanceof Socket ? request.socket.remoteAddress : undefined;
  if (address !== undefined)
    headers['x-forwarded-for'] = [...(request.headersDistinct['x-forwarded-for'] ?? []), address].join(', ');
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  }
  return headers;
}
