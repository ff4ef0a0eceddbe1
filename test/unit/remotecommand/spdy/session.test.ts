import { createHash, randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpdySession } from '../../../../src/remotecommand/spdy/session.ts';
import type { SpdyStream } from '../../../../src/remotecommand/spdy/stream.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { Compressor, control, data, numbers, RawSpdy } from '../raw-spdy.ts';

const hash = (bytes: readonly Buffer[]): string =>
  bytes.reduce((h, piece) => h.update(piece), createHash('sha256')).digest('hex');

/** Two ends of a connection that holds `capacity` bytes each way and cuts them into pieces of the sizes that `cut` gives. */
function link(cut: () => number, capacity = 64 << 10): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      allowHalfOpen: true,
      readableHighWaterMark: capacity,
      writableHighWaterMark: 16 << 10,
      read() {
        waiting.get(this)?.();
        waiting.delete(this);
      },
      write(chunk: Buffer, _encoding, done) {
        let room = true;
        for (let at = 0; at < chunk.length; ) {
          const size = cut();
          room = other().push(Buffer.from(chunk.subarray(at, at + size)));
          at += size;
        }
        if (room) setImmediate(done);
        else waiting.set(other(), done);
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const waiting = new Map<Duplex, () => void>();
  const left: Duplex = end(() => right);
  const right: Duplex = end(() => left);
  // a peer closes when we have
  right.once('end', () => right.end());
  return [left, right];
}

function pair(cut: () => number, onStream: (stream: SpdyStream) => void, clock = new FakeClock()) {
  const [near, far] = link(cut);
  const none = Buffer.alloc(0);
  const server = new SpdySession(near, none, {
    role: 'server',
    maxStreams: 100,
    idleMs: 0,
    clock,
    onStream(stream) {
      onStream(stream);
      return undefined;
    },
  });
  const client = new SpdySession(far, none, {
    role: 'client',
    maxStreams: 0,
    idleMs: 0,
    clock,
    onStream: () => undefined,
  });
  return { server, client, near, far };
}

describe('a SPDY session', () => {
  it('passes what streams say unchanged, in any order, at any pace, cut anywhere', async () => {
    const script = fc.record({
      seed: fc.nat(0xffff),
      cuts: fc.array(fc.integer({ min: 300, max: 70_000 }), { minLength: 1, maxLength: 6 }),
      streams: fc.array(
        fc.record({
          writes: fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 12 }),
          /** Turns of the event loop between two reads of the far side. */
          pause: fc.nat(3),
        }),
        { minLength: 1, maxLength: 5 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(script, async ({ cuts, streams }) => {
        let cut = 0;
        const { client, server } = pair(
          () => cuts[cut++ % cuts.length] ?? 1,
          // what comes is sent back, after a while
          async stream => {
            const { pause = 0 } = streams[Number(stream.headers['i'])] ?? {};
            for await (const piece of stream.iterator({ destroyOnReturn: false })) {
              for (let i = 0; i < pause; i++) await turn();
              if (!stream.write(piece)) await new Promise(resolve => stream.once('drain', resolve));
            }
            stream.end();
          },
        );
        const one = async (writes: readonly number[], i: number): Promise<void> => {
          const stream = await client.openStream({ i: String(i) });
          const sent = writes.map(size => randomBytes(size));
          const back: Buffer[] = [];
          stream.on('data', piece => back.push(piece));
          const ended = new Promise(resolve => stream.once('end', resolve));
          for (const piece of sent)
            if (!stream.write(piece)) await new Promise(resolve => stream.once('drain', resolve));
          stream.end();
          await ended;
          expect(hash(back)).toBe(hash(sent));
        };
        await Promise.all(streams.map(({ writes }, i) => one(writes, i)));
        await Promise.all([client.close(), server.close()]);
      }),
      { numRuns: 15, seed: 17 },
    );
  });

  it('lets streams go on while one is not read, where both sides keep to windows', async () => {
    const streams: SpdyStream[] = [];
    const { client, near } = pair(
      () => 16 << 10,
      stream => streams.push(stream),
    );
    const stalled = await client.openStream({ a: 'stalled' });
    const other = await client.openStream({ a: 'other' });
    stalled.write(Buffer.alloc(4 << 20));
    const [, far] = streams;
    let read = 0;
    far?.on('data', piece => {
      read += piece.length;
    });
    other.write(Buffer.alloc(4 << 20));
    await waitFor('all of the other', () => read === 4 << 20);
    expect(near.isPaused()).toBe(false);
    streams[0]?.resume();
    await waitFor('the stalled one to be sent', () => stalled.writableLength === 0);
    await client.close();
  });

  it('still gives what came before a reset, as servers reset an error stream behind its status', async () => {
    const streams: SpdyStream[] = [];
    const [near, far] = link(() => 16 << 10);
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 10,
      idleMs: 0,
      onStream(stream) {
        streams.push(stream);
        return undefined;
      },
    });
    far.write(await new Compressor().synStream(1, { a: 'b' }));
    far.write(Buffer.concat([data(1, 'status'), control(3, numbers(1, 5))]));
    await waitFor('the reset', () => streams[0]?.remoteEnded === true);
    let text = '';
    for await (const piece of streams[0] ?? []) text += piece;
    expect(text).toBe('status');
    far.end();
    await session.close();
  });

  it('writes for its streams in turns', async () => {
    const [near, far] = link(() => 16 << 10);
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 10,
      idleMs: 0,
      onStream(stream) {
        for (let i = 0; i < 40; i++) stream.write(Buffer.alloc(100_000));
        stream.end();
        return undefined;
      },
    });
    const peer = new RawSpdy(far as never, Buffer.alloc(0));
    const compressor = new Compressor();
    const opened: Buffer[] = [];
    for (const id of [1, 3, 5]) opened.push(await compressor.synStream(id, { a: 'b' }));
    far.write(Buffer.concat(opened));
    await peer.frame('the end of one', frame => frame.type === undefined && frame.flags === 1);
    const least = Math.min(...[1, 3, 5].map(id => peer.received(id).length));
    expect(least).toBeGreaterThan(3_500_000);
    await session.close();
  });

  it('never sends more than a peer allows that has told its window', async () => {
    const [near, far] = link(() => 10_000);
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 10,
      idleMs: 0,
      onStream(stream) {
        stream.end(Buffer.alloc(500_000, 7));
        return undefined;
      },
    });
    const peer = new RawSpdy(far as never, Buffer.alloc(0));
    const compressor = new Compressor();
    far.write(control(4, numbers(1, 7, 1000)));
    far.write(await compressor.synStream(1, { a: 'x' }));
    far.write(await compressor.synStream(3, { a: 'y' }));
    await waitFor('the first window', () => peer.received(1).length === 1000 && peer.received(3).length === 1000);
    for (let i = 0; i < 5; i++) await turn();
    expect([peer.received(1).length, peer.received(3).length]).toEqual([1000, 1000]);
    far.write(control(9, numbers(1, 500)));
    await waitFor('the update', () => peer.received(1).length === 1500);
    // of the session: 64 KiB, of which 2,500 are used
    far.write(control(9, numbers(3, 400_000)));
    await waitFor('the session window', () => peer.received(3).length === (64 << 10) - 1500);
    far.write(
      Buffer.concat([
        control(9, numbers(0, 2_000_000)),
        control(9, numbers(1, 600_000)),
        control(9, numbers(3, 600_000)),
      ]),
    );
    await Promise.all([peer.finished(1), peer.finished(3)]);
    expect([peer.received(1).length, peer.received(3).length]).toEqual([500_000, 500_000]);
    await session.close();
  });

  it('gives a peer that keeps to windows new ones as its data is read', async () => {
    const [near, far] = link(() => 10_000);
    const streams: SpdyStream[] = [];
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 10,
      idleMs: 0,
      onStream(stream) {
        streams.push(stream);
        return undefined;
      },
    });
    const peer = new RawSpdy(far as never, Buffer.alloc(0));
    far.write(await new Compressor().synStream(1, { a: 'x' }));
    const { payload } = await peer.frame('the settings', frame => frame.type === 4);
    const window = payload.readUInt32BE(8);
    expect(window).toBe(256 << 10);
    far.write(data(1, Buffer.alloc(window)));
    const updates = (): number => peer.frames.filter(frame => frame.type === 9 && frame.id === 1).length;
    await waitFor('the stream', () => streams.length === 1);
    for (let i = 0; i < 20; i++) await turn();
    expect(updates()).toBe(0);
    streams[0]?.resume();
    await waitFor('updates', () => updates() >= 1);
    const granted = peer.frames
      .filter(frame => frame.type === 9 && frame.id === 1)
      .reduce((sum, frame) => sum + frame.payload.readUInt32BE(4), 0);
    expect(granted).toBeGreaterThanOrEqual(window / 2);
    expect(granted).toBeLessThanOrEqual(window);
    await session.close();
  });

  it('stops its updates for a peer that does not look at them', async () => {
    const [near, far] = link(() => 10_000, 4 << 20);
    const streams: SpdyStream[] = [];
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 10,
      idleMs: 0,
      onStream(stream) {
        streams.push(stream);
        return undefined;
      },
    });
    const peer = new RawSpdy(far as never, Buffer.alloc(0));
    far.write(await new Compressor().synStream(1, { a: 'x' }));
    await waitFor('the stream', () => streams.length === 1);
    for (let i = 0; i < 30; i++) far.write(data(1, Buffer.alloc(64 << 10)));
    await waitFor('the socket to be left unread', () => near.isPaused());
    let read = 0;
    streams[0]?.on('data', piece => {
      read += piece.length;
    });
    await waitFor('all to be read', () => read === 30 << 16);
    expect(peer.frames.filter(frame => frame.type === 9 && frame.id === 1)).toEqual([]);
    await session.close();
  });

  it.each([
    { what: 'bytes', streams: 100, frames: 25, size: 16 << 10, most: (16 << 20) + (64 << 10) },
    // each costs 256 bytes, 9 of which come over the wire
    { what: 'tiny frames', streams: 10, frames: 15_000, size: 1, most: (10 * (16 << 20)) / 256 + (64 << 10) },
  ])('leaves the socket unread while all streams together hold too many $what', async row => {
    const clock = new FakeClock();
    const streams: SpdyStream[] = [];
    const [near, far] = link(() => 16 << 10, 64 << 20);
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 100,
      idleMs: 0,
      clock,
      onStream(stream) {
        streams.push(stream);
        // its readable side fills up too
        stream.read(0);
        return undefined;
      },
    });
    far.resume();
    let came = 0;
    near.on('data', piece => {
      came += piece.length;
    });
    const compressor = new Compressor();
    const ids = Array.from({ length: row.streams }, (_, i) => 1 + 2 * i);
    for (const id of ids) far.write(await compressor.synStream(id, { a: 'b' }));
    for (const id of ids) far.write(Buffer.concat(Array(row.frames).fill(data(id, Buffer.alloc(row.size)))));
    await waitFor('the socket to be left unread', () => near.isPaused());
    expect(came).toBeLessThan(row.most);
    let read = 0;
    for (const stream of streams)
      stream.on('data', piece => {
        read += piece.length;
      });
    await waitFor('all to be read', () => read === row.streams * row.frames * row.size);
    expect([near.isPaused(), clock.pending]).toEqual([false, 0]);
    await session.close();
  });

  it('reads on when streams that hold too much are reset, and counts them no more', async () => {
    const streams: SpdyStream[] = [];
    const [near, far] = link(() => 16 << 10, 64 << 20);
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 1000,
      idleMs: 0,
      onStream(stream) {
        streams.push(stream);
        return undefined;
      },
    });
    far.resume();
    const compressor = new Compressor();
    const ids = Array.from({ length: 50 }, (_, i) => 1 + 2 * i);
    for (const id of ids) far.write(await compressor.synStream(id, { a: 'b' }));
    for (const id of ids) far.write(data(id, Buffer.alloc(400 << 10)));
    await waitFor('the socket to be left unread', () => near.isPaused());
    streams[0]?.destroy();
    await waitFor('the socket to be left unread again', () => near.isPaused());
    for (const stream of streams) stream.destroy();
    // as much once more is taken, and read
    for (const id of ids) {
      far.write(await compressor.synStream(200 + id, { a: 'b' }));
      far.write(data(200 + id, Buffer.alloc(100 << 10)));
    }
    await waitFor('the new streams', () => streams.length === 100);
    let read = 0;
    for (const stream of streams.slice(50))
      stream.on('data', piece => {
        read += piece.length;
      });
    await waitFor('all of them', () => read === 50 * (100 << 10));
    expect(near.isPaused()).toBe(false);
    await session.close();
  });

  it('finds out that a peer has died whose stream is full', async () => {
    const clock = new FakeClock();
    const streams: SpdyStream[] = [];
    const [near, far] = link(() => 10_000, 4 << 20);
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 10,
      idleMs: 0,
      clock,
      onStream(stream) {
        streams.push(stream);
        return undefined;
      },
    });
    const peer = new RawSpdy(far as never, Buffer.alloc(0));
    const compressor = new Compressor();
    far.write(await compressor.synStream(1, { a: 'error' }));
    far.write(await compressor.synStream(3, { a: 'stdin' }));
    far.write(data(3, Buffer.alloc(1 << 20)));
    await waitFor('the socket to be left unread', () => near.isPaused());
    expect(clock.pending).toBe(1);
    await clock.advance(15_000);
    await peer.frame('empty data of the oldest stream', frame => frame.type === undefined && frame.id === 1);
    streams[1]?.resume();
    await waitFor('the socket to be read', () => !near.isPaused());
    expect(clock.pending).toBe(0);
    await session.close();
  });

  it('waits 30 s for the answer to a stream that it opens', async () => {
    const clock = new FakeClock();
    const [near, far] = link(() => 10_000);
    far.resume();
    const client = new SpdySession(near, Buffer.alloc(0), {
      role: 'client',
      maxStreams: 0,
      idleMs: 0,
      clock,
      onStream: () => undefined,
    });
    const opened = client.openStream({ a: 'b' }).catch(error => error);
    await clock.advance(30_000);
    expect(await opened).toMatchObject({ code: 'deadline-exceeded', message: 'no answer to a new stream within 30 s' });
    expect(clock.pending).toBe(0);
    far.end();
    await client.close();
  });

  it('refuses streams beyond its limit and goes on', async () => {
    const [near, far] = link(() => 10_000);
    const session = new SpdySession(near, Buffer.alloc(0), {
      role: 'server',
      maxStreams: 2,
      idleMs: 0,
      onStream: () => undefined,
    });
    const peer = new RawSpdy(far as never, Buffer.alloc(0));
    const compressor = new Compressor();
    for (const id of [1, 3, 5]) far.write(await compressor.synStream(id, { a: 'b' }));
    expect((await peer.reset(5)).payload.readUInt32BE(4)).toBe(3);
    far.write(control(3, numbers(1, 5)));
    far.write(await compressor.synStream(7, { a: 'b' }));
    await peer.frame('the reply', frame => frame.type === 2 && frame.id === 7);
    await session.close();
  });
});
