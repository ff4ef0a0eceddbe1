import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planAllocation } from '../../../../src/cni/host-local/plan.ts';
import { parseRangeSets } from '../../../../src/cni/host-local/ranges.ts';

const small = parseRangeSets([[{ subnet: '10.0.0.0/29' }]], 'ranges');
const addressesOf = (input: Parameters<typeof planAllocation>[0]): string[] | string => {
  const allocation = planAllocation(input);
  return allocation.kind === 'allocated' ? allocation.addresses.map(({ ip }) => ip) : allocation.range;
};

type Step = 'take' | number;

/** Takes and gives back (the holder at that place) one after another; says what was given to whom beside whom, and how full it was at each refusal. */
function replay(sets: ReturnType<typeof parseRangeSets>, steps: readonly Step[]) {
  const held: string[] = [];
  let last: string[] = [];
  const given: { ip: string; heldThen: string[] }[] = [];
  const refusedAt: number[] = [];
  const take = (): void => {
    const got = planAllocation({ sets, taken: new Set(held), last });
    if (got.kind === 'exhausted') {
      refusedAt.push(held.length);
      return;
    }
    last = got.addresses.map(({ ip }) => ip);
    for (const ip of last) given.push({ ip, heldThen: [...held] });
    held.push(...last);
  };
  for (const step of steps)
    if (step === 'take') take();
    else held.splice(step, 1);
  return { given, refusedAt };
}

/** Neither network, gateway nor broadcast address of 10.0.0.0/prefix. */
function isHostOf(ip: string, prefix: number): boolean {
  const host = Number(ip.split('.')[3]);
  return host > 1 && host < 2 ** (32 - prefix) - 1;
}

describe('planAllocation', () => {
  const two = parseRangeSets([[{ subnet: '10.0.0.0/30' }, { subnet: '10.0.1.0/30' }]], 'ranges');
  it.each([
    ['the first address after the gateway', small, [], [], ['10.0.0.2']],
    ['the one after the last, though an earlier one is free', small, [], ['10.0.0.4'], ['10.0.0.5']],
    ['from the beginning again after the end', small, [], ['10.0.0.6'], ['10.0.0.2']],
    ['what is taken is passed over', small, ['10.0.0.5'], ['10.0.0.4'], ['10.0.0.6']],
    ['a last address of before the ranges changed is ignored', small, [], ['192.168.0.1'], ['10.0.0.2']],
    ['on to the next range of the pool', two, [], ['10.0.0.2'], ['10.0.1.2']],
    ['back to the first range', two, [], ['10.0.1.2'], ['10.0.0.2']],
    [
      'exhaustion names every range of the pool',
      two,
      ['10.0.0.2', '10.0.1.2'],
      [],
      '10.0.0.1-10.0.0.2, 10.0.1.1-10.0.1.2',
    ],
  ])('%s', (_, sets, taken, last, expected) => {
    expect(addressesOf({ sets, taken: new Set(taken), last })).toEqual(expected);
  });

  it('gives one address out of each pool, or none at all', () => {
    const dual = parseRangeSets([[{ subnet: '10.0.0.0/29' }], [{ subnet: 'fd00::/126' }]], 'ranges');
    expect(addressesOf({ sets: dual, taken: new Set(), last: [] })).toEqual(['10.0.0.2', 'fd00::2']);
    expect(addressesOf({ sets: dual, taken: new Set(['fd00::2', 'fd00::3']), last: [] })).toBe('fd00::1-fd00::3');
  });

  it('never gives an address that is taken, the gateway, or one outside; and finds each free one before it says exhausted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 26, max: 30 }),
        fc.array(fc.oneof(fc.constant('take' as const), fc.nat(60)), { maxLength: 200 }),
        (prefix, steps) => {
          const sets = parseRangeSets([[{ subnet: `10.0.0.0/${prefix}` }]], 'ranges');
          const capacity = 2 ** (32 - prefix) - 3;
          const { given, refusedAt } = replay(sets, steps);
          expect(given.filter(({ ip, heldThen }) => heldThen.includes(ip))).toEqual([]);
          expect(given.every(({ ip }) => isHostOf(ip, prefix))).toBe(true);
          expect(refusedAt.every(held => held === capacity)).toBe(true);
        },
      ),
      { seed: 20, numRuns: 100 },
    );
  });

  it('rests an address as long as the pool allows: a full round lies between two uses', () => {
    let last: string[] = [];
    const given = Array.from({ length: 10 }, () => {
      const got = addressesOf({ sets: small, taken: new Set(), last });
      last = got as string[];
      return last[0];
    });
    expect(given).toEqual([2, 3, 4, 5, 6, 2, 3, 4, 5, 6].map(n => `10.0.0.${n}`));
  });
});
