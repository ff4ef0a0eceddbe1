import { describe, expect, it } from 'vitest';
import { stepsOf } from '../../../../src/cri/image-service/step-stream.ts';

type Step = readonly [string, number];
const isSame = (a: Step, b: Step): boolean => a[0] === b[0];

describe('the steps of some work', () => {
  it('are told once each to who reads slowly, with the newest figures, and the result at last', async () => {
    const steps = stepsOf<Step, string>(async onStep => {
      for (const step of [
        ['a', 1],
        ['a', 2],
        ['b', 1],
        ['b', 5],
      ] as const)
        onStep(step);
      return 'result';
    }, isSame);
    const seen: unknown[] = [];
    for (let next = await steps.next(); ; next = await steps.next()) {
      seen.push(next.value);
      if (next.done === true) break;
    }
    expect(seen).toEqual([['a', 2], ['b', 5], 'result']);
  });

  it('end with the error of the work, after what came before it', async () => {
    const steps = stepsOf<Step, string>(async onStep => {
      onStep(['a', 1]);
      throw new Error('no more');
    }, isSame);
    expect((await steps.next()).value).toEqual(['a', 1]);
    await expect(steps.next()).rejects.toThrow('no more');
  });
});
