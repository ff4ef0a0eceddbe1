import { describe, expect, it } from 'vitest';
import type { Node } from '../../../../src/api/types/gen/core-v1.ts';
import { ProxyHealth } from '../../../../src/proxy/report/proxy-health.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const given = () => {
  const clock = new FakeClock();
  const health = new ProxyHealth(clock, 60_000);
  return { clock, health };
};

describe('ProxyHealth', () => {
  it('is well while it starts, and does not say that it was updated', () => {
    const { health } = given();
    health.queue(4);
    expect(health.isHealthy).toBe(true);
    expect(new ProxyHealth(new FakeClock(), 1).answer(false).body.lastUpdated).toBe('0001-01-01T00:00:00Z');
  });

  it('is unwell once a change of a family waits for too long, and well again when it is done', async () => {
    const { clock, health } = given();
    health.update(4);
    health.update(6);
    health.queue(6);
    await clock.advance(59_999);
    // a later change does not make the first one younger
    health.queue(6);
    expect(health.isHealthy).toBe(true);
    await clock.advance(1);
    expect(health.answer(true)).toMatchObject({
      isOk: false,
      body: { healthy: false, nodeEligible: true, status: { IPv4: { healthy: true }, IPv6: { healthy: false } } },
    });
    health.update(6);
    expect(health.answer(true)).toMatchObject({ isOk: true, body: { healthy: true } });
  });

  it('was updated just now where it is well, and at the last time where it is not', async () => {
    const { clock, health } = given();
    health.update(4);
    const { lastUpdated } = health.answer(true).body;
    await clock.advance(5000);
    const answer = health.answer(true).body;
    expect(answer.lastUpdated).toBe(answer.currentTime);
    expect(health.answer(false).body.lastUpdated).toBe(lastUpdated);
  });

  it.each([
    ['is there', { metadata: {}, spec: {} }, true],
    ['is not there', undefined, false],
    ['is being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, spec: {} }, false],
    [
      'is about to be removed',
      { metadata: {}, spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } },
      false,
    ],
    ['has another taint', { metadata: {}, spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } }, true],
  ])('of a node that %s', (_, node, expected) => {
    expect(ProxyHealth.isEligible(node as unknown as Node | undefined)).toBe(expected);
  });
});
