import { beforeEach, describe, expect, it } from 'vitest';
import { refreshTime, TokenCache } from '../../../../src/kubelet/objects/token-cache.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const HOUR = 3_600;

describe('refreshTime', () => {
  it.each([
    [HOUR, 0, 2_880, 'at 80 % of its life'],
    [HOUR, 0.99, 2_871, 'up to ten seconds earlier'],
    [30 * HOUR, 0, 24 * HOUR, 'after a day where that comes first'],
    [48 * HOUR, 0.5, 24 * HOUR - 5, 'after a day, with jitter'],
  ])('of a token for %i s with random %d is after %i s: %s', (life, random, expected) => {
    expect(refreshTime(1_000_000 + life * 1000, life, random)).toBe(1_000_000 + expected * 1000);
  });
});

describe('TokenCache', () => {
  let clock: FakeClock;
  let requests: number;
  let failing: boolean;
  let due: string[];
  let troubles: string[];
  let cache: TokenCache;
  const spec = (uid: string, audiences: readonly string[] = []) => ({
    audiences,
    expirationSeconds: HOUR,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid },
  });
  const get = (uid = 'u1', audiences: readonly string[] = []): Promise<string> =>
    cache.get('n', 'sa', spec(uid, audiences), new AbortController().signal);

  beforeEach(() => {
    clock = new FakeClock();
    requests = 0;
    failing = false;
    due = [];
    troubles = [];
    cache = new TokenCache({
      clock,
      random: () => 0,
      onRefreshDue: uid => due.push(uid),
      onTrouble: message => troubles.push(message),
      request: async (_namespace, _name, wanted) => {
        requests += 1;
        if (failing) throw new Error('the server is away');
        const expirationTimestamp = new Date(clock.now() + HOUR * 1000).toISOString();
        return { metadata: {}, spec: wanted, status: { token: `t${requests}`, expirationTimestamp } };
      },
    });
  });

  it('asks once for each pod and audience, also for those who ask at the same time', async () => {
    expect(await Promise.all([get(), get()])).toEqual(['t1', 't1']);
    expect(await get()).toBe('t1');
    expect(await get('u2')).toBe('t2');
    expect(await get('u1', ['vault'])).toBe('t3');
  });

  it('says when a token is old, and then asks for another', async () => {
    await get();
    await clock.advance(2_879_000);
    expect([due, await get()]).toEqual([[], 't1']);
    await clock.advance(1_000);
    expect([due, await get()]).toEqual([['u1'], 't2']);
  });

  it('gives the old one while it is good and no other can be had, and says again that it is old', async () => {
    await get();
    failing = true;
    await clock.advance(2_880_000);
    expect(await get()).toBe('t1');
    expect(troubles).toEqual(['the token of n/sa could not be refreshed: the server is away']);
    await clock.advance(60_000);
    expect(due).toEqual(['u1', 'u1']);
    await clock.advance(660_000);
    await expect(get()).rejects.toThrow(/expired and refresh failed: the server is away$/);
  });

  it('says why there is no token at all', async () => {
    failing = true;
    await expect(get()).rejects.toThrow('failed to fetch token: the server is away');
  });

  it('keeps nothing of a pod that was forgotten, not even an answer that is under way', async () => {
    await get('u1');
    const asked = get('u2');
    cache.forget('u1');
    cache.forget('u2');
    await asked;
    expect(clock.pending).toBe(0);
    expect(await get('u1')).toBe('t3');
  });
});
