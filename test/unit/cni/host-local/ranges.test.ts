import { describe, expect, it } from 'vitest';
import { formatRange, parseRangeSets } from '../../../../src/cni/host-local/ranges.ts';

const parse = (...ranges: object[]) => parseRangeSets([ranges], 'ranges');

describe('parseRangeSets', () => {
  it.each([
    ['IPv4: from the first to the last before broadcast', { subnet: '10.1.2.0/24' }, '10.1.2.1-10.1.2.254'],
    ['a smaller IPv4 subnet', { subnet: '10.1.2.128/25' }, '10.1.2.129-10.1.2.254'],
    ['IPv6 has no broadcast address', { subnet: 'fd00::/64' }, 'fd00::1-fd00::ffff:ffff:ffff:ffff'],
    ['given ends', { subnet: '10.1.0.0/16', rangeStart: '10.1.0.9', rangeEnd: '10.1.4.0' }, '10.1.0.9-10.1.4.0'],
  ])('%s', (_, range, expected) => {
    expect(parse(range).flatMap(set => set.ranges.map(formatRange))).toEqual([expected]);
  });

  it('lets the gateway be the first address unless it is given', () => {
    const [set] = parse({ subnet: '10.1.2.0/24' }, { subnet: '10.1.3.0/24', gateway: '10.1.3.77' });
    expect(set?.ranges.map(range => range.gateway)).toEqual([0x0a010201n, 0x0a01034dn]);
  });

  it.each([
    ['no subnet', [[{}]], /ranges\[0\]\[0\]\.subnet: "" is not a subnet/],
    ['host bits in the subnet', [[{ subnet: '10.1.2.3/24' }]], /host bits set; the subnet is 10\.1\.2\.0\/24/],
    ['IPv6 host bits', [[{ subnet: 'fd00::1/64' }]], /host bits set/],
    ['a subnet without room', [[{ subnet: '10.1.2.0/31' }]], /too small/],
    ['a start outside', [[{ subnet: '10.1.2.0/24', rangeStart: '10.1.3.1' }]], /rangeStart: 10\.1\.3\.1 is not in/],
    ['an end of the other family', [[{ subnet: '10.1.2.0/24', rangeEnd: 'fd00::1' }]], /rangeEnd: fd00::1 is not in/],
    ['a gateway that is no address', [[{ subnet: '10.1.2.0/24', gateway: 'x' }]], /gateway: x is not in/],
    ['ends in the wrong order', [[{ subnet: '10.1.2.0/24', rangeStart: '10.1.2.9', rangeEnd: '10.1.2.8' }]], /after/],
    ['both families in one pool', [[{ subnet: '10.1.2.0/24' }, { subnet: 'fd00::/64' }]], /mixes IPv4 and IPv6/],
    ['pools that overlap', [[{ subnet: '10.1.0.0/16' }], [{ subnet: '10.1.9.0/24' }]], /overlap/],
    ['an empty pool', [[]], /ranges\[0\] must be a list with at least one range/],
    ['a string for a range', [['10.1.2.0/24']], /must be an object with a subnet/],
  ])('refuses %s', (_, value, message) => {
    expect(() => parseRangeSets(value, 'ranges')).toThrow(message);
  });
});
