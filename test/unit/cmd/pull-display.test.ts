import { describe, expect, it } from 'vitest';
import { PullDisplay } from '../../../src/cmd/pull-display.ts';

const progress = (megabytes: number) => ({
  bytesDone: BigInt(megabytes * 1e6),
  bytesTotal: 300_000_000n,
  layersDone: 0,
  layersTotal: 8,
});

/** What is written while it is told of `[second, megabytes]`. */
function written(isTTY: boolean, told: readonly (readonly [number, number])[]): string {
  let now = 0;
  let text = '';
  const write = (piece: unknown): boolean => {
    text += String(piece);
    return true;
  };
  const display = new PullDisplay({ isTTY, write }, () => now);
  for (const [second, megabytes] of told) {
    now = second * 1000;
    display.show(progress(megabytes));
  }
  display.end();
  return text;
}

describe('how far a pull is', () => {
  it('is one line on a terminal, with the speed of what came since the beginning', () => {
    expect(
      written(true, [
        [0, 100],
        [2, 120.5],
      ]),
    ).toBe('\r0 of 8 layers, 100.0 of 300.0 MB\x1b[K\r0 of 8 layers, 120.5 of 300.0 MB, 10.3 MB/s\x1b[K\n');
  });

  it('is a line every ten seconds elsewhere', () => {
    expect(
      written(false, [
        [1, 1],
        [9, 9],
        [10, 10],
        [11, 11],
        [21, 31],
      ]),
    ).toBe('0 of 8 layers, 10.0 of 300.0 MB, 0.9 MB/s\n0 of 8 layers, 31.0 of 300.0 MB, 1.4 MB/s\n');
  });

  it('is nothing for a short pull without a terminal', () => {
    expect(
      written(false, [
        [0, 0],
        [3, 300],
      ]),
    ).toBe('');
  });

  it('is nothing where nothing had to be fetched', () => {
    let text = '';
    const write = (piece: unknown): boolean => {
      text += String(piece);
      return true;
    };
    const display = new PullDisplay({ isTTY: true, write }, () => 0);
    display.show({ bytesDone: 0n, bytesTotal: 0n, layersDone: 0, layersTotal: 0 });
    display.end();
    expect(text).toBe('');
  });
});
