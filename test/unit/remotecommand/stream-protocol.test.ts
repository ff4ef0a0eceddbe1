import { describe, expect, it } from 'vitest';
import { hasAgreed, streamProtocol } from '../../../src/remotecommand/stream-protocol.ts';

describe('what an upgrade speaks', () => {
  it.each([
    [{ upgrade: 'SPDY/3.1' }, 'spdy'],
    [{ upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' }, 'close'],
    [{ upgrade: 'WebSocket', 'sec-websocket-protocol': 'v4.channel.k8s.io, v5.channel.k8s.io' }, 'close'],
    [{ upgrade: 'websocket', 'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io' }, 'tunnel'],
    [{ upgrade: 'websocket', 'sec-websocket-protocol': 'v4.channel.k8s.io' }, 'channels'],
    [{ upgrade: 'websocket' }, 'channels'],
  ])('%j is %s', (headers, protocol) => expect(streamProtocol(headers)).toBe(protocol));

  it.each([
    ['close', { 'sec-websocket-protocol': 'v5.channel.k8s.io' }, true],
    ['close', { 'sec-websocket-protocol': 'v4.channel.k8s.io' }, false],
    ['close', {}, false],
    ['tunnel', { 'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io' }, true],
    ['tunnel', {}, false],
    ['spdy', {}, true],
  ] as const)('%s is agreed to by %j: %s', (protocol, headers, agreed) =>
    expect(hasAgreed(protocol, headers)).toBe(agreed),
  );
});
