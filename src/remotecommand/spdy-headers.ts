import type { OutgoingHttpHeaders } from 'node:http';

/**
 * A WebSocket client's headers, by lower-case names, made those of a request for SPDY with these subprotocols. The method for it is POST, as upstream. Pure.
 */
export function spdyHeaders(headers: OutgoingHttpHeaders, protocols: readonly string[]): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith('sec-websocket-'));
  return {
    ...Object.fromEntries(kept),
    connection: 'Upgrade',
    upgrade: 'SPDY/3.1',
    'x-stream-protocol-version': [...protocols],
  };
}
