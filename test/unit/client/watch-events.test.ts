import { describe, expect, it } from 'vitest';
import { lines } from '../../../src/client/watch-events.ts';

async function linesOf(...pieces: string[]): Promise<string[]> {
  async function* source(): AsyncGenerator<Buffer> {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const found: string[] = [];
  for await (const line of lines(source())) found.push(line.toString());
  return found;
}

describe('the lines of a watch', () => {
  it.each([
    ['one in one piece', ['{"a":1}\n'], ['{"a":1}']],
    ['several in one piece', ['1\n2\n3\n'], ['1', '2', '3']],
    ['one in many pieces', ['{"a"', ':', '1}', '\n'], ['{"a":1}']],
    ['cut in the middle of the second', ['1\n2', '2\n'], ['1', '22']],
    ['what has no end was cut off', ['1\n2'], ['1']],
    ['nothing at all', [], []],
  ])('%s', async (_, pieces, expected) => {
    expect(await linesOf(...pieces)).toEqual(expected);
  });
});
