import { describe, expect, it } from 'vitest';
import { showsUnknown, streamProtocol } from '../../../src/remotecommand/stream-protocol.ts';

describe('what an upgrade speaks', () => {
  it.each([
    [{ upgrade: 'SPDY/3.1' }, 'spdy'],
    [{ upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' }, 'close'],
    [{ upgrade: 'WebSocket', 'sec-websocket-protocol': 'v4.channel.k8s.io, v5.channel.k8s.io' }, 'close'],
    [{ upgrade: 'websocket', 'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io' }, 'tunnel'],
    [{ upgrade: 'websocket', 'sec-websocket-protocol': 'v4.channel.k8s.io' }, 'channels'],
    [{ upgrade: 'websocket' }, 'channels'],
  ])('%j is %s', (headers, protocol) => expect(streamProtocol(headers)).toBe(protocol));
});

describe('a server that does not know a newer protocol', () => {
  const headers = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const asks = (offered: string, more: object = {}) => ({
    method: 'GET',
    headers: { ...headers, 'sec-websocket-protocol': offered, ...more },
  });
  const V5 = 'v5.channel.k8s.io';
  const V4 = 'v4.channel.k8s.io';
  const TUNNEL = 'SPDY/3.1+portforward.k8s.io';

  it.each<[string, 'close' | 'tunnel', ReturnType<typeof asks>, number, string | undefined, boolean]>([
    ['agrees to it', 'close', asks(V5), 101, V5, false],
    ['agrees to the tunnel', 'tunnel', asks(TUNNEL), 101, TUNNEL, false],
    ['agrees to nothing', 'close', asks(V5), 101, undefined, true],
    ['agrees to no tunnel', 'tunnel', asks(TUNNEL), 101, undefined, true],
    ['agrees to what the client likes less', 'close', asks(`${V5}, ${V4}`), 101, V4, true],
    ['agrees to what the client likes more', 'close', asks(`${V4}, ${V5}`), 101, V4, false],
    ['agrees to what nobody offered', 'close', asks(V5), 101, V4, true],
    ['refuses it with 403', 'close', asks(V5), 403, undefined, true],
    ['refuses the tunnel with 400', 'tunnel', asks(TUNNEL), 400, undefined, true],
    ['does not know the token', 'close', asks(V5), 404, undefined, false],
    ['fails', 'close', asks(V5), 503, undefined, false],
    ['refuses a handshake that posts', 'close', { ...asks(V5), method: 'POST' }, 400, undefined, false],
    ['refuses a handshake without a key', 'close', asks(V5, { 'sec-websocket-key': undefined }), 400, undefined, false],
    ['refuses a key of a few bytes', 'close', asks(V5, { 'sec-websocket-key': 'AAAA' }), 400, undefined, false],
    ['refuses another version', 'close', asks(V5, { 'sec-websocket-version': '8' }), 400, undefined, false],
    ['refuses the older protocols', 'close', asks(V4), 403, undefined, false],
    ['does not tunnel something else', 'tunnel', asks('SPDY/3.1+chat.k8s.io'), 403, undefined, false],
    ['refuses SPDY', 'close', asks(V5, { upgrade: 'SPDY/3.1' }), 403, undefined, false],
  ])('%s: (%s) %j answered with %i and %s: %s', (_sentence, newer, request, statusCode, agreed, unknown) => {
    const answer = { statusCode, headers: agreed === undefined ? {} : { 'sec-websocket-protocol': agreed } };
    expect(showsUnknown(newer, request, answer)).toBe(unknown);
  });
});
