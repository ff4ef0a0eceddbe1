import { describe, expect, it } from 'vitest';
import type { PodCondition, PodStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { statusPatch } from '../../../../src/kubelet/report/status-patch.ts';

const T0 = '2026-01-02T03:04:05Z';
const T1 = '2026-01-02T03:05:05Z';
const ready = (status: 'True' | 'False', lastTransitionTime: string): PodCondition => ({
  type: 'Ready',
  status,
  lastTransitionTime,
});
const running: PodStatus = {
  phase: 'Running',
  podIP: '10.0.0.1',
  podIPs: [{ ip: '10.0.0.1' }],
  conditions: [ready('True', T0)],
};

describe('the patch of a pod status', () => {
  it('is none where the server has the same, however it writes what is empty', () => {
    expect(statusPatch({ ...running, message: '', initContainerStatuses: [] }, running)).toBeUndefined();
  });

  it('has only what differs', () => {
    expect(statusPatch(running, { ...running, phase: 'Succeeded' })).toEqual({ phase: 'Succeeded' });
  });

  it('takes back what does not hold any more', () => {
    const failed = { ...running, reason: 'Evicted', message: 'no room' };
    expect(statusPatch(failed, running)).toEqual({ reason: null, message: null });
  });

  it('replaces addresses, which would else be merged', () => {
    expect(statusPatch(running, { ...running, podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }] })).toEqual({
      podIP: '10.0.0.2',
      podIPs: [{ $patch: 'replace' }, { ip: '10.0.0.2' }],
    });
  });

  it('takes a condition away that is there only while something goes on', () => {
    const current = {
      ...running,
      conditions: [ready('True', T0), { type: 'PodResizeInProgress', status: 'True' as const }],
    };
    expect(statusPatch(current, { ...running, conditions: [ready('True', T0)] })).toEqual({
      conditions: [{ type: 'PodResizeInProgress', $patch: 'delete' }],
    });
  });

  it('leaves conditions that others tell alone, and the time of a condition that stays', () => {
    const current = {
      ...running,
      conditions: [ready('True', T0), { type: 'example.com/gate', status: 'True' as const }],
    };
    expect(statusPatch(current, { ...running, conditions: [ready('True', T1)] })).toBeUndefined();
    expect(statusPatch(current, { ...running, conditions: [ready('False', T1)] })).toEqual({
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: null,
          message: null,
          observedGeneration: null,
          lastTransitionTime: T1,
        },
      ],
    });
  });

  it('is the whole status for a pod that has none', () => {
    expect(statusPatch(undefined, { phase: 'Pending' })).toEqual({ phase: 'Pending' });
  });
});
