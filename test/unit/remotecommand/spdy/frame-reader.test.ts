import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameReader } from '../../../../src/remotecommand/spdy/frame-reader.ts';
import { control, data } from '../raw-spdy.ts';

interface Seen {
  readonly kind: string;
  readonly id: number;
  readonly flags: number;
  bytes: string;
}

/** What a reader tells of these pieces, pieces of one data frame joined. */
function read(pieces: readonly Buffer[]): { seen: Seen[]; between: boolean } {
  const seen: Seen[] = [];
  let open = '';
  const reader = new FrameReader({
    data: (_, piece) => {
      open += piece.toString('hex');
    },
    dataEnd: (id, flags) => {
      seen.push({ kind: 'data', id, flags, bytes: open });
      open = '';
    },
    control: (type, flags, payload) =>
      void seen.push({ kind: 'control', id: type, flags, bytes: payload.toString('hex') }),
  });
  for (const piece of pieces) reader.feed(piece);
  return { seen, between: reader.betweenFrames };
}

const payload = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes));
const frame = fc.oneof(
  fc.record({ id: fc.integer({ min: 1, max: 0x7fffffff }), flags: fc.nat(255), payload }).map(f => ({
    bytes: data(f.id, f.payload, f.flags),
    seen: { kind: 'data', id: f.id, flags: f.flags, bytes: f.payload.toString('hex') },
  })),
  fc.record({ type: fc.nat(20), flags: fc.nat(255), payload }).map(f => ({
    bytes: control(f.type, f.payload, f.flags),
    seen: { kind: 'control', id: f.type, flags: f.flags, bytes: f.payload.toString('hex') },
  })),
);

it('reads the same frames however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(600), { maxLength: 30 }), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(each => each.bytes));
      const at = [0, ...cuts.map(cut => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const whole = frames.map(each => each.seen);
      expect(read(at.map((start, i) => bytes.subarray(start, at[i + 1] ?? bytes.length)))).toEqual({
        seen: whole,
        between: true,
      });
      expect(read([...bytes].map(byte => Buffer.from([byte])))).toEqual({ seen: whole, between: true });
    }),
    { numRuns: 300, seed: 21 },
  );
});

it('knows that a frame is not complete, at each of its bytes', () => {
  const bytes = data(7, 'payload');
  for (let length = 1; length < bytes.length; length++)
    expect(read([bytes.subarray(0, length)]).between, `${length} bytes`).toBe(false);
});

it('hands data on as it comes, without waiting for its frame', () => {
  const pieces: number[] = [];
  const reader = new FrameReader({ data: (_, piece) => void pieces.push(piece.length), dataEnd() {}, control() {} });
  const bytes = data(1, Buffer.alloc(1 << 20));
  for (let at = 0; at < bytes.length; at += 1 << 16) reader.feed(bytes.subarray(at, at + (1 << 16)));
  expect(pieces.length).toBe(17);
  expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(1 << 20);
});
