import { describe, expect, it } from 'vitest';
import type { IPAddress, ServiceCIDR } from '../../../src/api/types/gen/networking-v1.ts';
import {
  FINALIZER,
  haveInCommon,
  holds,
  isCovered,
  isOfService,
  planServiceCidr,
  rangesOf,
} from '../../../src/controllers/service-cidr/plan.ts';

const MS = Date.UTC(2030, 0, 1, 0, 1);
const NOW = { ms: MS, text: '2030-01-01T00:01:00Z' };
const cidr = (cidrs: readonly string[], metadata: object = {}, conditions: readonly object[] = []): ServiceCIDR =>
  ({
    metadata: { name: 'range', finalizers: [FINALIZER], ...metadata },
    spec: { cidrs },
    status: { conditions },
  }) as unknown as ServiceCIDR;
const address = (
  name: string,
  labels: object = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
): IPAddress => ({ metadata: { name, labels } }) as unknown as IPAddress;
const ready = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
const terminating = {
  type: 'Ready',
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
};
const RANGE = ['10.0.0.0/24'];
const justNow = { deletionTimestamp: '2030-01-01T00:00:53Z' };
const longAgo = { deletionTimestamp: '2030-01-01T00:00:50Z' };

describe('a range of service addresses', () => {
  const cases: readonly [sentence: string, given: ServiceCIDR, isNeeded: boolean, step: object][] = [
    [
      'gets the finalizer first, beside those of others',
      cidr(RANGE, { finalizers: ['other/one'] }),
      false,
      { kind: 'update', object: { metadata: { finalizers: ['other/one', FINALIZER] } } },
    ],
    [
      'is ready then',
      cidr(RANGE, {}, [{ type: 'Other', status: 'True' }]),
      false,
      {
        kind: 'set-status',
        object: {
          status: {
            conditions: [
              { type: 'Other', status: 'True' },
              { ...ready, lastTransitionTime: NOW.text },
            ],
          },
        },
      },
    ],
    ['is left alone when it is ready', cidr(RANGE, {}, [ready]), false, { kind: 'keep' }],
    [
      'says what keeps it when it is deleted',
      cidr(RANGE, longAgo, [ready]),
      true,
      { kind: 'set-status', object: { status: { conditions: [{ ...terminating, lastTransitionTime: NOW.text }] } } },
    ],
    ['says so once', cidr(RANGE, longAgo, [terminating]), true, { kind: 'keep' }],
    ['stays for 10 s, so that all servers know', cidr(RANGE, justNow, [ready]), false, { kind: 'wait', ms: 3_000 }],
    [
      'goes then, and leaves the finalizers of others',
      cidr(RANGE, { ...longAgo, finalizers: ['other/one', FINALIZER] }),
      false,
      { kind: 'update', object: { metadata: { finalizers: ['other/one'] } } },
    ],
    [
      'gets no finalizer once it is deleted',
      cidr(RANGE, { ...longAgo, finalizers: ['other/one'] }),
      false,
      { kind: 'keep' },
    ],
  ];
  it.each(cases)('%s', (_, given, isNeeded, step) => {
    expect(planServiceCidr(given, isNeeded, NOW)).toMatchObject(step);
  });
});

describe('an address', () => {
  it.each([
    ['of the middle', RANGE, '10.0.0.7', true],
    ['that is the first of the range is nobody’s', RANGE, '10.0.0.0', false],
    ['that is the last of IPv4 is nobody’s', RANGE, '10.0.0.255', false],
    ['that is the last of IPv6 is of it', ['fd00::/120'], 'fd00::ff', true],
    ['of another family', ['fd00::/120'], '10.0.0.7', false],
    ['of the second family', [...RANGE, 'fd00::/120'], 'fd00::7', true],
    ['outside', RANGE, '10.0.1.7', false],
  ])('%s', (_, cidrs, name, is) => {
    expect(holds(rangesOf(cidr(cidrs)), address(name))).toBe(is);
  });

  it('counts where a server took it for a service', () => {
    expect(isOfService(address('10.0.0.7'))).toBe(true);
    expect(isOfService(address('10.0.0.7', { 'ipaddress.kubernetes.io/managed-by': 'me' }))).toBe(false);
    expect(isOfService(address('10.0.0.7', {}))).toBe(false);
  });
});

describe('what lies within others', () => {
  const named = (name: string, ...cidrs: readonly string[]): ServiceCIDR => cidr(cidrs, { name });
  it.each([
    ['itself alone', [], false],
    ['the same range', [named('b', '10.0.0.0/24')], true],
    ['a larger one', [named('b', '10.0.0.0/16')], true],
    ['a smaller one', [named('b', '10.0.0.0/25')], false],
    ['one beside it', [named('b', '10.0.1.0/24')], false],
  ])('is told by %s', (_, others, is) => {
    const own = named('range', '10.0.0.0/24');
    expect(isCovered(own, [own, ...others])).toBe(is);
  });

  it('has to be so in both families', () => {
    const own = named('range', '10.0.0.0/24', 'fd00::/120');
    expect(isCovered(own, [own, named('b', '10.0.0.0/16')])).toBe(false);
    expect(isCovered(own, [own, named('b', '10.0.0.0/16'), named('c', 'fd00::/112')])).toBe(true);
  });

  it('has addresses in common in either direction', () => {
    const [large, small, other] = [named('l', '10.0.0.0/16'), named('s', '10.0.7.0/24'), named('o', '10.1.0.0/16')];
    expect([haveInCommon(large, small), haveInCommon(small, large), haveInCommon(small, other)]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
