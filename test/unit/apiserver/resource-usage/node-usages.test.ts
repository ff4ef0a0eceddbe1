import { beforeEach, describe, expect, it } from 'vitest';
import type { Node } from '../../../../src/api/types/gen/core-v1.ts';
import { NodeUsages } from '../../../../src/apiserver/resource-usage/node-usages.ts';
import type { Scrape } from '../../../../src/apiserver/resource-usage/scrape.ts';
import type { NodeUsage } from '../../../../src/apiserver/resource-usage/usage.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const nodeOf = (name: string): Node => ({ metadata: { name, uid: `uid-${name}` }, spec: {} }) as Node;

describe('what nodes use', () => {
  let clock: FakeClock;
  let asked: string[];
  let said: string[];
  /** Half a core, unless the test says otherwise. */
  let answer: (name: string) => Scrape | Promise<Scrape>;
  let usages: NodeUsages;
  beforeEach(() => {
    clock = new FakeClock();
    asked = [];
    said = [];
    const half = (): Scrape => ({
      node: { at: clock.now(), cpuSeconds: clock.monotonic() / 2000, memoryBytes: 1, startedAt: undefined },
      pods: new Map(),
    });
    answer = half;
    usages = new NodeUsages({
      scrape: async ({ metadata }) => {
        asked.push(metadata.name ?? '');
        return answer(metadata.name ?? '');
      },
      clock,
      log: { warn: (_fields, message) => void said.push(message) },
    });
  });

  /** Begins to ask; `told` is set when there is an answer. */
  function ask(...names: string[]): { told?: ReadonlyMap<string, NodeUsage> } {
    const question: { told?: ReadonlyMap<string, NodeUsage> } = {};
    usages.of(names.map(nodeOf)).then(told => {
      question.told = told;
    });
    return question;
  }
  async function toldAfter(ms: number, ...names: string[]): Promise<Record<string, number | undefined>> {
    const question = ask(...names);
    await clock.advance(ms);
    expect(question.told).toBeDefined();
    return Object.fromEntries([...(question.told ?? [])].map(([name, { node }]) => [name, node?.nanoCores]));
  }

  it('is told a second after the first question, by two scrapes', async () => {
    const question = ask('a');
    await clock.advance(999);
    expect(question.told).toBeUndefined();
    await clock.advance(1);
    expect(question.told?.get('a')?.node).toMatchObject({ nanoCores: 500_000_000, windowMs: 1000 });
    expect(asked).toEqual(['a', 'a']);
  });

  it('is told again without asking for 5 s, then with one scrape and at once, over the time between', async () => {
    await toldAfter(1000, 'a');
    await clock.advance(4999);
    await toldAfter(0, 'a');
    expect(asked).toHaveLength(2);
    await clock.advance(1);
    const question = ask('a');
    await clock.advance(0);
    expect(question.told?.get('a')?.node).toMatchObject({ nanoCores: 500_000_000, windowMs: 5000 });
    expect(asked).toHaveLength(3);
  });

  it('is a matter of two scrapes again when nobody has asked for a minute', async () => {
    await toldAfter(1000, 'a');
    await clock.advance(60_001);
    expect(await toldAfter(1000, 'a')).toEqual({ a: 500_000_000 });
    expect(asked).toHaveLength(4);
  });

  it('is asked once for all who want to know at the same time', async () => {
    const questions = [ask('a'), ask('a'), ask('a', 'b')];
    await clock.advance(1000);
    expect(questions.map(({ told }) => told?.size)).toEqual([1, 1, 2]);
    expect(asked).toEqual(['a', 'b', 'a', 'b']);
  });

  it('is told of the others where one does not answer, which is said once', async () => {
    const half = answer;
    answer = name => (name === 'b' ? Promise.reject(new Error('connection refused')) : half(name));
    expect(await toldAfter(1000, 'a', 'b', 'c')).toEqual({ a: 500_000_000, c: 500_000_000 });
    await clock.advance(15_000);
    await toldAfter(0, 'a', 'b', 'c');
    expect(said).toEqual(['the kubelet did not tell what is used']);
  });

  it('is not asked of one that did not answer for 15 s, and then waited for half a second', async () => {
    const half = answer;
    answer = () => Promise.reject(new Error('no route to host'));
    await toldAfter(0, 'a');
    await clock.advance(14_999);
    await toldAfter(0, 'a');
    expect(asked).toHaveLength(1);
    answer = () => new Promise(() => {});
    await clock.advance(1);
    const question = ask('a');
    await clock.advance(499);
    expect(question.told).toBeUndefined();
    await clock.advance(1);
    expect(question.told?.size).toBe(0);
    answer = half;
  });

  it('is told of one that answers again', async () => {
    const half = answer;
    answer = () => Promise.reject(new Error('connection refused'));
    await toldAfter(0, 'a');
    answer = half;
    await clock.advance(15_000);
    // not waited for to the end, but the next one gets it
    expect(await toldAfter(500, 'a')).toEqual({});
    await clock.advance(500);
    expect(await toldAfter(0, 'a')).toEqual({ a: 500_000_000 });
  });

  it('of a node that was made anew under its name does not go on from the old one', async () => {
    await toldAfter(1000, 'a');
    await clock.advance(10_000);
    const question: { told?: ReadonlyMap<string, NodeUsage> } = {};
    usages.of([{ metadata: { name: 'a', uid: 'other' }, spec: {} } as Node]).then(told => {
      question.told = told;
    });
    await clock.advance(1000);
    expect(question.told?.get('a')?.node?.windowMs).toBe(1000);
  });
});
