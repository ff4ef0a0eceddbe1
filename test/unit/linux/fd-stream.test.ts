import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DescriptorStream } from '../../../src/linux/fd-stream.ts';
import { check, libc } from '../../../src/linux/ffi.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;

/** Two connected sockets that carry packets. */
function packetPair(): [number, number] {
  const pair = [-1, -1];
  check(libc('int socketpair(int, int, int, _Out_ int*)')(AF_UNIX, SOCK_SEQPACKET, 0, pair), 'socketpair');
  return [pair[0] ?? -1, pair[1] ?? -1];
}

/** A pty as its two sides. */
function terminalPair(): { master: number; slave: number } {
  const master = openSync('/dev/ptmx', 'r+');
  const number = Buffer.alloc(4);
  check(libc('int unlockpt(int)')(master), 'unlockpt');
  check(libc('int ioctl(int, ulong, void*)')(master, 0x80045430n, number), 'ioctl', 'TIOCGPTN');
  return { master, slave: openSync(`/dev/pts/${number.readInt32LE()}`, 'r+') };
}

const packetsOf = (stream: DescriptorStream): Promise<string[]> =>
  new Promise(resolve => {
    const packets: string[] = [];
    stream.on('data', chunk => packets.push(String(chunk)));
    stream.once('end', () => resolve(packets));
  });

describe('a stream over a descriptor that Node has none for', () => {
  it('gives every packet by itself, also those that came before the other side closed', async () => {
    const [near, far] = packetPair();
    const stream = new DescriptorStream(near);
    const packets = Array.from({ length: 100 }, (_, i) => `${i}:${'x'.repeat(i * 10)}`);
    for (const packet of packets) writeSync(far, packet);
    closeSync(far);
    expect(await packetsOf(stream)).toEqual(packets);
    stream.destroy();
  });

  it('gives what came from a side that closed without reading what it was sent', async () => {
    const [near, far] = packetPair();
    const stream = new DescriptorStream(near);
    await new Promise(resolve => stream.write('unread', resolve));
    writeSync(far, 'one');
    writeSync(far, 'two');
    closeSync(far);
    stream.write('too late');
    expect(await packetsOf(stream)).toEqual(['one', 'two']);
    stream.destroy();
  });

  it('ends with a terminal whose other side was closed, after all that was written there', async () => {
    const { master, slave } = terminalPair();
    const stream = new DescriptorStream(master);
    const lines = Array.from({ length: 300 }, (_, i) => `line ${i}`);
    writeSync(slave, `${lines.join('\n')}\n`);
    closeSync(slave);
    expect((await packetsOf(stream)).join('')).toBe(`${lines.join('\r\n')}\r\n`);
    stream.write('nobody is there');
    stream.destroy();
  });

  it('closes the descriptor when it is destroyed, and holds no other', async () => {
    const before = readFileSync('/proc/self/status', 'utf8').match(/FDSize:\s+(\d+)/)?.[1];
    for (let i = 0; i < 300; i += 1) {
      const [near, far] = packetPair();
      const stream = new DescriptorStream(near);
      closeSync(far);
      await packetsOf(stream);
      stream.destroy();
      expect(stream.descriptor).toBeUndefined();
    }
    expect(readFileSync('/proc/self/status', 'utf8').match(/FDSize:\s+(\d+)/)?.[1]).toBe(before);
  });
});
