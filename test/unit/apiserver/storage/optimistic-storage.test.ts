import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';

describe('a list from the store', () => {
  it('is read in parts whatever limit a client names', async () => {
    const limits: number[] = [];
    class Watched extends MemoryStore {
      override range(...[start, end, options]: Parameters<MemoryStore['range']>) {
        limits.push(options.limit);
        return super.range(start, end, options);
      }
    }
    const storage = new OptimisticStorage(new Watched());
    await storage.create('/registry/x/a', Buffer.from('{}'));
    await storage.create('/registry/x/b', Buffer.from('{}'));
    const { items } = await storage.list('/registry/x/', { limit: 1_000_000_000 });
    expect([items.length, limits]).toEqual([2, [10_000]]);
  });
});
