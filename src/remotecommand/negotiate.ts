import type { IncomingMessage } from 'node:http';
import type { UpgradeRefusal } from './refuse-upgrade.ts';

const SPDY_31 = 'SPDY/3.1';
const VERSION_HEADER = 'X-Stream-Protocol-Version';
const ACCEPTED_HEADER = 'X-Accepted-Stream-Protocol-Versions';

/** What a client and a server agreed on, or the answer to a client with whom there is nothing to agree. */
export type Agreement = { readonly protocol: string } | { readonly refusal: UpgradeRefusal };

/** Whether a request asks for an upgrade, to whatever. Pure. */
export function isUpgradeRequest(request: IncomingMessage): boolean {
  return (request.headers.connection ?? '').toLowerCase().includes('upgrade');
}

/** Whether a request asks for WebSocket. Pure. */
export function isWebSocketRequest(request: IncomingMessage): boolean {
  return isUpgradeRequest(request) && (request.headers.upgrade ?? '').toLowerCase() === 'websocket';
}

/** The subprotocols that a WebSocket client asks for, the best first; none is one that has no name. Pure. */
export function webSocketProtocols(request: IncomingMessage): readonly string[] {
  const asked = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(each => each.trim());
  return asked.some(each => each !== '') ? asked.filter(each => each !== '') : [''];
}

/** The first of the client's WebSocket subprotocols that is supported; otherwise 403, as upstream. Pure. */
export function negotiateWebSocket(request: IncomingMessage, supported: readonly string[]): Agreement {
  const asked = webSocketProtocols(request);
  const protocol = asked.find(each => supported.includes(each));
  if (protocol !== undefined) return { protocol };
  const body = `requested protocol(s) are not supported: [${asked.join(' ')}]; supports [${supported.join(' ')}]\n`;
  return { refusal: { status: 403, body } };
}

/** The first of the client's SPDY subprotocols that is supported; otherwise upstream's answer. Pure. */
export function negotiateSpdy(request: IncomingMessage, supported: readonly string[]): Agreement {
  const refuse = (status: number, why: string, headers: Record<string, string> = {}): Agreement => ({
    refusal: {
      status,
      body: `unable to upgrade: ${why}\n`,
      headers: { 'X-Content-Type-Options': 'nosniff', ...headers },
    },
  });
  const values = request.headersDistinct[VERSION_HEADER.toLowerCase()];
  if (values === undefined) {
    // Go keeps Host apart
    const count = Object.keys(request.headers).filter(name => name !== 'host').length;
    return refuse(400, `header ${VERSION_HEADER} does not exist in request with ${count} headers`);
  }
  const asked = values.flatMap(value => value.split(',')).map(each => each.trim());
  const named = asked.filter(each => each !== '');
  if (named.length === 0)
    return refuse(400, `header ${VERSION_HEADER} contains [${values.join(' ')}], but no valid protocols`);
  const protocol = named.find(each => supported.includes(each));
  if (protocol === undefined) {
    const why = `unable to negotiate protocol: client supports [${named.join(' ')}], server accepts [${supported.join(' ')}]`;
    return refuse(403, why, { [ACCEPTED_HEADER]: supported.join(', ') });
  }
  if (!isUpgradeRequest(request) || !(request.headers.upgrade ?? '').toLowerCase().includes(SPDY_31.toLowerCase()))
    return refuse(400, 'missing upgrade headers in request');
  return { protocol };
}

/** The head of the answer that begins SPDY. */
export function spdyAnswer(protocol: string): string {
  return (
    'HTTP/1.1 101 Switching Protocols\r\n' +
    `Connection: Upgrade\r\nUpgrade: ${SPDY_31}\r\n${VERSION_HEADER}: ${protocol}\r\n\r\n`
  );
}
