import type { IncomingHttpHeaders } from 'node:http';

/**
 * What an upgrade request speaks. `close` is the WebSocket protocol v5, which tells the end of stdin; `tunnel` is SPDY within a WebSocket. A runtime may know neither,
 * and both can be translated. `channels` are the older protocols of WebSocket, which all know.
 */
export type StreamProtocol = 'spdy' | 'close' | 'tunnel' | 'channels';

const CLOSE = 'v5.channel.k8s.io';
const TUNNEL = /^SPDY\/3\.1\+/i;
/** The names of what a server may not know yet. */
const NEWER = { close: CLOSE, tunnel: 'SPDY/3.1+portforward.k8s.io' } as const;
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** What a request for an upgrade speaks, by its headers. Pure. */
export function streamProtocol(headers: IncomingHttpHeaders): StreamProtocol {
  if ((headers.upgrade ?? '').toLowerCase() !== 'websocket') return 'spdy';
  const offered = offeredProtocols(headers);
  if (offered.includes(CLOSE)) return 'close';
  return offered.some(each => TUNNEL.test(each)) ? 'tunnel' : 'channels';
}

/**
 * True where an answer proves that a server does not know a newer protocol that a request offered: it agreed to none, or to one that the client likes less, or refused
 * (400, 403) a handshake in which nothing is broken. What else a server refuses says nothing of what it knows. Pure.
 */
export function showsUnknown(
  newer: keyof typeof NEWER,
  request: { readonly method?: string | undefined; readonly headers: IncomingHttpHeaders },
  answer: { readonly statusCode?: number | undefined; readonly headers: IncomingHttpHeaders },
): boolean {
  const offered = offeredProtocols(request.headers);
  const rank = offered.indexOf(NEWER[newer]);
  if (rank === -1 || !isSoundHandshake(request)) return false;
  if (answer.statusCode === 400 || answer.statusCode === 403) return true;
  if (answer.statusCode !== 101) return false;
  const agreed = offered.indexOf((answer.headers['sec-websocket-protocol'] ?? '').trim());
  return agreed === -1 || agreed > rank;
}

/** RFC 6455, 4.2.1. */
function isSoundHandshake(request: {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}): boolean {
  const { upgrade = '', 'sec-websocket-key': key = '', 'sec-websocket-version': version } = request.headers;
  if (upgrade.toLowerCase() !== 'websocket') return false;
  return request.method === 'GET' && version === '13' && KEY.test(key);
}

function offeredProtocols(headers: IncomingHttpHeaders): readonly string[] {
  return (headers['sec-websocket-protocol'] ?? '').split(',').map(each => each.trim());
}
