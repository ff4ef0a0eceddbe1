import { describe, expect, it } from 'vitest';
import { SharedWork } from '../../../../src/cri/images/shared-work.ts';

const never = new AbortController().signal;

describe('SharedWork', () => {
  it('runs once for callers that come together, and again for a later one', async () => {
    const work = new SharedWork<number>();
    let runs = 0;
    const start = async (): Promise<number> => {
      runs += 1;
      await Promise.resolve();
      return runs;
    };
    expect(await Promise.all([work.run('a', never, start), work.run('a', never, start)])).toEqual([1, 1]);
    expect(await work.run('a', never, start)).toBe(2);
  });

  it('goes on while one caller is left and stops with the last', async () => {
    const work = new SharedWork<string>();
    let stopped = false;
    const start = (signal: AbortSignal): Promise<string> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          stopped = true;
          reject(signal.reason);
        });
      });
    const first = new AbortController();
    const second = new AbortController();
    const one = work.run('a', first.signal, start);
    const two = work.run('a', second.signal, start);
    first.abort(new Error('first left'));
    await expect(one).rejects.toThrow('first left');
    expect(stopped).toBe(false);
    second.abort(new Error('second left'));
    await expect(two).rejects.toThrow('second left');
    expect(stopped).toBe(true);
  });

  it('gives a failure to everyone who waits', async () => {
    const work = new SharedWork<string>();
    const start = async (): Promise<string> => {
      await Promise.resolve();
      throw new Error('no');
    };
    const results = await Promise.allSettled([work.run('a', never, start), work.run('a', never, start)]);
    expect(results.map(r => r.status)).toEqual(['rejected', 'rejected']);
  });
});
