import { describe, expect, it } from 'vitest';
import { Judge } from '../judge.ts';

const policies = new Judge('networking.k8s.io', 'networkpolicies', {
  spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }] },
});
const BLOCK = 'spec.ingress.0.from.0.ipBlock';
const AT = 'spec.ingress[0].from[0].ipBlock';

describe('a block of addresses', () => {
  const inside = (...texts: string[]): object => ({ cidr: '10.0.0.0/8', except: texts });
  const cases: readonly [sentence: string, block: object, errors: readonly string[]][] = [
    ['is good as it is', inside('10.1.0.0/16'), []],
    ['needs a network', { cidr: '' }, [`${AT}.cidr: Required value`]],
    [
      'is a network',
      { cidr: '10.0.0.0', except: ['x'] },
      [`${AT}.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`],
    ],
    [
      'has no bits behind its prefix',
      { cidr: '10.0.0.1/8' },
      [`${AT}.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length`],
    ],
    [
      'has no zeros before numbers, and no IPv4 inside IPv6',
      { cidr: '010.0.0.0/8', except: ['::ffff:10.1.0.0/112'] },
      [
        `${AT}.cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length`,
        `${AT}.except[0]: Invalid value: "::ffff:10.1.0.0/112": must not have an IPv4-mapped IPv6 address`,
      ],
    ],
    [
      'leaves out smaller networks of its own',
      inside('10.0.0.0/8', '11.0.0.0/16', '::/64', 'x'),
      [
        ...['10.0.0.0/8', '11.0.0.0/16', '::/64'].map(
          (text, i) => `${AT}.except[${i}]: Invalid value: "${text}": must be a strict subset of \`cidr\``,
        ),
        `${AT}.except[3]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
      ],
    ],
  ];
  it.each(cases)('%s', (_, block, errors) => {
    expect(policies.created({ [BLOCK]: block })).toEqual(errors);
  });

  it('keeps the spelling that it was stored with', () => {
    const before = { [`${BLOCK}.cidr`]: '010.0.0.0/8' };
    expect(policies.changed({ 'spec.policyTypes': ['Ingress'] }, before)).toEqual([]);
    expect(policies.changed({ [`${BLOCK}.cidr`]: '010.0.0.0/9' }, before)).toHaveLength(1);
  });

  it('is warned of where it means another than it says', () => {
    const changes = { [BLOCK]: { cidr: '10.0.0.1/8', except: ['FE80::/64'] } };
    expect(policies.warned(changes)).toEqual([
      `${AT}.cidr: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)`,
      `${AT}.except[0]: IPv6 CIDR value "FE80::/64" should be in RFC 5952 canonical format ("fe80::/64")`,
    ]);
  });
});

it('a selector keeps values that no label has', () => {
  const before = { 'spec.podSelector': { matchExpressions: [{ key: 'a', operator: 'In', values: ['-'] }] } };
  expect(policies.created(before)).toHaveLength(1);
  expect(policies.changed({ 'spec.policyTypes': ['Ingress'] }, before)).toEqual([]);
});
