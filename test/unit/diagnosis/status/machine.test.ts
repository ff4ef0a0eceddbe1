import { describe, expect, it } from 'vitest';
import { readHealth } from '../../../../src/diagnosis/status/health.ts';
import { kubeletPlaces, proxyPlaces, shareOf, stalledPercent } from '../../../../src/diagnosis/status/machine.ts';

describe('a health endpoint', () => {
  it.each([
    [true, 'ok', { healthy: true, failed: [] }],
    [true, '[+]ping ok\nreadyz check passed\n', { healthy: true, failed: [] }],
    [
      false,
      '[+]ping ok\n[-]etcd failed: reason withheld\n[-]pleg failed: was not active\nreadyz check failed',
      { healthy: false, failed: ['etcd', 'pleg (was not active)'] },
    ],
    [false, '404 page not found\n', { healthy: false, failed: ['404 page not found'] }],
    [false, '', { healthy: false, failed: ['no reason is told'] }],
  ])('that answers %s with %j', (ok, text, health) => {
    expect(readHealth(ok, text)).toEqual(health);
  });
});

describe('where the parts of a node answer', () => {
  it('is where upstream has them, unless their configurations say otherwise', () => {
    expect(kubeletPlaces('')).toMatchObject({
      healthz: 'http://127.0.0.1:10248/healthz',
      runtimeEndpoint: 'unix:///run/gantry/cri.sock',
      evictionHard: { 'nodefs.available': '10%' },
    });
    const text =
      'healthzBindAddress: "::"\nhealthzPort: 1\ncontainerRuntimeEndpoint: unix:///c.sock\nevictionHard: {nodefs.available: 0%}\n';
    expect(kubeletPlaces(text)).toEqual({
      healthz: 'http://127.0.0.1:1/healthz',
      runtimeEndpoint: 'unix:///c.sock',
      evictionHard: { 'nodefs.available': '0%' },
    });
    expect(proxyPlaces('')).toEqual({
      health: 'http://127.0.0.1:10256/livez',
      mode: 'http://127.0.0.1:10249/proxyMode',
    });
    expect(proxyPlaces('healthzBindAddress: 0.0.0.0:7\nmetricsBindAddress: "[::1]:8"')).toEqual({
      health: 'http://127.0.0.1:7/livez',
      mode: 'http://[::1]:8/proxyMode',
    });
  });

  it('is nowhere for a kubelet that has no port for it', () => {
    expect(kubeletPlaces('healthzPort: 0').healthz).toBeUndefined();
  });

  it.each(['{', '- a', '7', 'kind: [', '\t'])('is the same where the file is %j', text => {
    expect(kubeletPlaces(text)).toEqual(kubeletPlaces(''));
    expect(proxyPlaces(text)).toEqual(proxyPlaces(''));
  });
});

describe('what has to be free', () => {
  it.each([
    ['10%', 1000, 0.1],
    ['1Ki', 4096, 0.25],
    [undefined, 1000, 0],
    ['nonsense', 1000, 0],
    ['5%', 0, 0.05],
    ['1Gi', 0, 0],
  ])('%s of %d', (threshold, whole, share) => {
    expect(shareOf(threshold, whole)).toBe(share);
  });
});

describe('the pressure of memory', () => {
  it('is what some process waited in the last minute, where the kernel counts it', () => {
    expect(stalledPercent('some avg10=0.00 avg60=1.25 avg300=0.10 total=1\nfull avg10=0.00 avg60=0.50')).toBe(1.25);
    expect(stalledPercent('')).toBeUndefined();
  });
});
