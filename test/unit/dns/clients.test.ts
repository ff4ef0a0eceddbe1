import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Node } from '../../../src/api/types/gen/core-v1.ts';
import { clientsOf } from '../../../src/dns/clients.ts';
import { answerDatagrams } from '../../../src/dns/listen.ts';

const node = (addresses: readonly string[], podCIDRs: readonly string[] = []): Node =>
  ({
    metadata: {},
    spec: { podCIDRs },
    status: { addresses: addresses.map(address => ({ type: 'InternalIP', address })) },
  }) as unknown as Node;

describe('who may ask', () => {
  it('is the machine itself, nodes and their pods', () => {
    const list = clientsOf([node(['192.0.2.7', '2001:db8::7'], ['10.244.1.0/24', 'fd00:1::/64'])]);
    expect(
      ['127.0.0.9', '192.0.2.7', '10.244.1.9', '10.244.2.9', '192.0.2.8'].map(each => list.check(each, 'ipv4')),
    ).toEqual([true, true, true, false, false]);
    expect(['::1', '2001:db8::7', 'fd00:1::9', 'fd00:2::9'].map(each => list.check(each, 'ipv6'))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('is not what a node calls its address that is none: others are answered all the same', () => {
    const list = clientsOf([node(['no address', '']), node(['192.0.2.7'])]);
    expect(list.check('192.0.2.7', 'ipv4')).toBe(true);
  });
});

describe('datagrams', () => {
  it.each([
    ['at once', (message: Buffer) => message],
    ['later', async (message: Buffer) => message],
  ])('that come from port 0 are not answered, and those of others are: %s', async (_, answer) => {
    const socket = createSocket('udp4');
    const other = createSocket('udp4');
    try {
      socket.bind(0, '127.0.0.1');
      other.bind(0, '127.0.0.1');
      await Promise.all([once(socket, 'listening'), once(other, 'listening')]);
      answerDatagrams(socket, answer);
      socket.emit('message', Buffer.from('lost'), { address: '127.0.0.1', family: 'IPv4', port: 0, size: 4 });
      const told = once(other, 'message');
      other.send('kept', socket.address().port, '127.0.0.1');
      expect(String((await told)[0])).toBe('kept');
    } finally {
      socket.close();
      other.close();
    }
  });
});
