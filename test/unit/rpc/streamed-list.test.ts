import { describe, expect, it } from 'vitest';
import { streamed } from '../../../src/rpc/streamed-list.ts';

describe('a list as a stream', () => {
  it.each([
    [0, []],
    [1, [1]],
    [1000, [1000]],
    [2001, [1000, 1000, 1]],
  ])('of %i items comes in messages of %j', async (count, expected) => {
    const all = Array.from({ length: count }, (_, i) => i);
    const messages: { readonly items: readonly number[] }[] = [];
    for await (const message of streamed(
      async () => all,
      items => ({ items }),
    ))
      messages.push(message);
    expect(messages.map(({ items }) => items.length)).toEqual(expected);
    expect(messages.flatMap(({ items }) => items)).toEqual(all);
  });

  it('fails as the list does', async () => {
    const failing = streamed(
      async () => {
        throw new Error('no list');
      },
      items => items,
    );
    await expect(failing.next()).rejects.toThrow('no list');
  });
});
