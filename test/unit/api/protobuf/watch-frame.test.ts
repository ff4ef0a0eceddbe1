import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWatchFrames, encodeWatchFrame } from '../../../../src/api/protobuf/watch-frame.ts';

describe('frames of a watch stream', () => {
  it('are a big-endian length and a bare WatchEvent', () => {
    expect(encodeWatchFrame('ADDED', Buffer.from('obj')).toString('hex')).toBe(
      `0000000e${'0a054144444544'}${'1205'}${'0a03'}${'6f626a'}`,
    );
  });

  it('come out whole however the stream is cut', () => {
    const sent = ['ADDED', 'MODIFIED', 'BOOKMARK'].map((type, i) => ({ type, object: Buffer.alloc(i * 100, 'x') }));
    const stream = Buffer.concat(sent.map(f => encodeWatchFrame(f.type, f.object)));
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 5 }), cuts => {
        const got = [];
        let rest: Buffer = Buffer.alloc(0);
        const ends = [...cuts.sort((a, b) => a - b), stream.length];
        let from = 0;
        for (const end of ends) {
          const result = decodeWatchFrames(Buffer.concat([rest, stream.subarray(from, end)]), 1000);
          got.push(...result.frames);
          rest = Buffer.from(result.rest);
          from = end;
        }
        expect(got.map(f => [f.type, f.object.toString()])).toEqual(sent.map(f => [f.type, f.object.toString()]));
        expect(rest.length).toBe(0);
      }),
      { seed: 7 },
    );
  });

  it('may not be larger than the reader takes', () => {
    expect(() => decodeWatchFrames(Buffer.from('7fffffff', 'hex'), 1000)).toThrow('over the limit of 1000');
  });
});
