import type { IncomingHttpHeaders } from 'node:http';

/**
 * What an upgrade request speaks. `close` is the WebSocket protocol v5, which tells the end of stdin; `tunnel` is SPDY within a WebSocket. A runtime may know neither,
 * and both can be translated. `channels` are the older protocols of WebSocket, which all know.
 */
export type StreamProtocol = 'spdy' | 'close' | 'tunnel' | 'channels';

const CLOSE = 'v5.channel.k8s.io';
const TUNNEL = /^SPDY\/3\.1\+/i;

/** What a request for an upgrade speaks, by its headers. Pure. */
export function streamProtocol(headers: IncomingHttpHeaders): StreamProtocol {
  if ((headers.upgrade ?? '').toLowerCase() !== 'websocket') return 'spdy';
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map(each => each.trim());
  if (offered.includes(CLOSE)) return 'close';
  return offered.some(each => TUNNEL.test(each)) ? 'tunnel' : 'channels';
}

/** True where a server has agreed to one of the newer protocols, and not merely to a WebSocket. Pure. */
export function hasAgreed(protocol: StreamProtocol, headers: IncomingHttpHeaders): boolean {
  const agreed = headers['sec-websocket-protocol'] ?? '';
  return protocol === 'close' ? agreed === CLOSE : protocol === 'tunnel' ? TUNNEL.test(agreed) : true;
}
