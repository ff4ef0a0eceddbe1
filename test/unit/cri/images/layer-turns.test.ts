import { describe, expect, it } from 'vitest';
import { LayerTurns, nextTurn } from '../../../../src/cri/images/layer-turns.ts';

const A = { pull: 'a' };
const B = { pull: 'b' };
const C = { pull: 'c' };
const never = new AbortController().signal;

describe('whose layer is next', () => {
  it.each<[string, object[], [object, number][], number | undefined]>([
    ['nobody waits', [], [[A, 1]], undefined],
    ['the first, where nothing is at work', [A, B], [], 0],
    ['that of the pull that has fewer at work', [A, A, B], [[A, 2]], 2],
    [
      'the first of pulls that have as many',
      [B, A],
      [
        [A, 1],
        [B, 1],
      ],
      0,
    ],
    ['nobody, when the limit is reached', [A, B], [[A, 3]], undefined],
  ])('%s', (_sentence, waiting, running, place) => {
    const layers = waiting.map(pull => ({ pull, isLate: false }));
    expect(nextTurn(layers, new Map(running), 3)).toBe(place);
  });

  it.each<[string, object[], [object, number][], number | undefined]>([
    ['one over the limit for a pull that has none at work', [A, B], [[A, 3]], 1],
    [
      'but not for one that has',
      [A, B],
      [
        [A, 3],
        [B, 1],
      ],
      undefined,
    ],
    [
      'and twice the limit at most',
      [C],
      [
        [A, 3],
        [B, 3],
      ],
      undefined,
    ],
  ])('of those who are late: %s', (_sentence, waiting, running, place) => {
    const layers = waiting.map(pull => ({ pull, isLate: true }));
    expect(nextTurn(layers, new Map(running), 3)).toBe(place);
  });
});

describe('turns', () => {
  it('come when others end', async () => {
    const turns = new LayerTurns(1);
    const end = await turns.take(A, never);
    const order: string[] = [];
    const second = turns.take(A, never).then(next => {
      order.push('second');
      next();
    });
    await Promise.resolve();
    order.push('end');
    end();
    await second;
    expect(order).toEqual(['end', 'second']);
  });

  it('are not for who has left', async () => {
    const turns = new LayerTurns(1);
    const end = await turns.take(A, never);
    const leave = new AbortController();
    const left = turns.take(A, leave.signal);
    leave.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    end();
    (await turns.take(B, never))();
    (await turns.take(A, never))();
  });

  it('come over the limit to who has waited long enough', async () => {
    const turns = new LayerTurns(1, 1);
    const end = await turns.take(A, never);
    const late = await turns.take(B, never);
    late();
    end();
  });
});
