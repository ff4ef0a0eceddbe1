import { describe, expect, it } from 'vitest';
import { bucketOf, parseBandwidth } from '../../../../src/cni/bridge/bandwidth.ts';
import { Fields } from '../../../../src/cni/protocol/json.ts';

const read = (bandwidth: object): ReturnType<typeof parseBandwidth> => parseBandwidth(new Fields({ bandwidth }));

describe('bandwidth', () => {
  it.each([
    ['nothing', {}, undefined, undefined],
    ['rates of 0, which are none', { ingressRate: 0, egressRate: 0, egressBurst: 0 }, undefined, undefined],
    ['one way', { ingressRate: 1000, ingressBurst: 800 }, { rate: 1000, burst: 800 }, undefined],
    ['both ways', { ingressRate: 1, egressRate: 2 }, { rate: 1, burst: undefined }, { rate: 2, burst: undefined }],
    [
      'the burst that containerd and CRI-O pass when nobody has chosen one',
      { ingressRate: 1, ingressBurst: 2 ** 32 - 1, egressRate: 1, egressBurst: (2 ** 32 - 1) * 8 },
      { rate: 1, burst: undefined },
      { rate: 1, burst: undefined },
    ],
  ])('is read as runtimes write it: %s', (_what, bandwidth, ingress, egress) => {
    expect(read(bandwidth)).toEqual({ ingress, egress });
  });

  it.each([
    [{ egressBurst: 8 }, 'field runtimeConfig.bandwidth.egressBurst is 8 and egressRate is not there'],
    [{ ingressRate: -1 }, 'ingressRate must be a whole number from 0'],
    [{ ingressRate: '10M' }, 'ingressRate must be a whole number from 0 to 9007199254740991, not "10M"'],
    [{ ingressRate: 1, ingressBurst: 2 ** 35 }, 'ingressBurst must be a whole number from 0 to 34359738367'],
  ])('of %j is refused', (bandwidth, message) => {
    expect(() => read(bandwidth)).toThrow(message);
  });

  it.each([
    ['a middling rate: 20 ms at once, 25 ms more may wait', 100e6, undefined, 1500, [12_500_000, 250_000, 562_500]],
    ['a low rate: ten frames of each', 1e6, undefined, 1500, [125_000, 15_180, 30_360]],
    ['the least rate', 1000, undefined, 1500, [125, 15_180, 30_360]],
    ['a burst of one’s choice', 100e6, 800_000, 1500, [12_500_000, 100_000, 412_500]],
    ['a burst below a frame, which would let nothing pass', 1e6, 8, 9000, [125_000, 9018, 99_198]],
    ['a link whose MTU the kernel chose', 1000, undefined, 0, [125, 15_180, 30_360]],
    ['a rate that no counter of 32 bits holds', 1e15, undefined, 1500, [125e12, 2 ** 32 - 1, 2 ** 32 - 1]],
  ])('makes a bucket for %s', (_what, rate, burst, mtu, [bytes, atOnce, limit]) => {
    expect(bucketOf({ rate, burst }, mtu)).toEqual({ rate: bytes, burst: atOnce, limit });
  });
});
