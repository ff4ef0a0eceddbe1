import { expect, it } from 'vitest';
import { chunksOf, piecesOf } from '../../../../src/apiserver/serve/body-pieces.ts';

it.each([
  ['nothing', [], []],
  ['what is small', [3, 4], [7]],
  ['what is just large enough', [65_000, 536], [65_536]],
  ['what is larger than one', [200_000], [65_536, 65_536, 65_536, 3392]],
  ['small and large together', [10, 70_000, 0, 61_062], [65_536, 65_536]],
])('cuts and joins %s to pieces of 64 KiB', (_, chunks, pieces) => {
  const bytes = chunks.map((length, i) => Buffer.alloc(length, i));
  const made = [...piecesOf(bytes)];
  expect(made.map(piece => piece.length)).toEqual(pieces);
  expect(Buffer.concat(made)).toEqual(Buffer.concat(bytes));
});

it('takes no chunk before it is wanted', () => {
  const seen: number[] = [];
  const chunks = function* () {
    for (const i of [1, 2, 3]) {
      seen.push(i);
      yield Buffer.alloc(65_536);
    }
  };
  const pieces = piecesOf(chunks());
  pieces.next();
  expect(seen).toEqual([1]);
});

it('takes text as its bytes', () => {
  expect(chunksOf('é')).toEqual([Buffer.from('é')]);
});
