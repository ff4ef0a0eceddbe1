import { describe, expect, it } from 'vitest';
import { Judge } from '../judge.ts';

const ranges = new Judge('networking.k8s.io', 'servicecidrs', { spec: { cidrs: ['10.0.0.0/16'] } });
const of = (cidrs: readonly string[] | undefined): Record<string, unknown> => ({ 'spec.cidrs': cidrs });
const ONE_EACH = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';

describe('the ranges', () => {
  const cases: readonly [sentence: string, cidrs: readonly string[], errors: readonly string[]][] = [
    ['are good as they are', ['10.0.0.0/16', 'fd00::/112'], []],
    ['are at least one', [], ['spec.cidrs: Required value: at least one CIDR required']],
    [
      'are networks in their one spelling',
      ['10.0.0.1/16', 'FD00::/112'],
      [
        'spec.cidrs[0]: Invalid value: "10.0.0.1/16": must not have bits set beyond the prefix length',
        'spec.cidrs[1]: Invalid value: "FD00::/112": must be in canonical form ("fd00::/112")',
      ],
    ],
    [
      'are one a family',
      ['10.0.0.0/16', '10.1.0.0/16'],
      [`spec.cidrs: Invalid value: ["10.0.0.0/16","10.1.0.0/16"]: ${ONE_EACH}`],
    ],
    [
      'are not more',
      ['10.0.0.0/16', 'fd00::/112', '10.1.0.0/16'],
      ['spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/16","fd00::/112","10.1.0.0/16"]}: may only hold up to 2 values'],
    ],
  ];
  it.each(cases)('%s', (_, cidrs, errors) => {
    expect(ranges.created(of(cidrs))).toEqual(errors);
  });

  it('stay, but one of the other family may come', () => {
    expect(ranges.changed(of(['10.0.0.0/16', 'fd00::/112']))).toEqual([]);
    expect(ranges.changed(of(['10.1.0.0/16']))).toEqual([
      'spec.cidrs[0]: Invalid value: "10.1.0.0/16": field is immutable',
    ]);
    expect(ranges.changed(of(undefined))).toEqual(['spec.cidrs: Invalid value: null: field is immutable']);
  });
});
