import { describe, expect, it } from 'vitest';
import { planTermination } from '../../../../src/kubelet/decide/plan-termination.ts';
import { EMPTY_MEMORY } from '../../../../src/kubelet/decide/pod-memory.ts';
import type { ObservedPod } from '../../../../src/kubelet/observed/observed-pod.ts';

const dead: ObservedPod = {
  uid: 'u',
  name: 'p',
  namespace: 'default',
  at: 0,
  containers: [],
  sandboxes: [{ id: 's', attempt: 0, state: 'not-ready', createdAt: 0, ips: [], annotations: {} }],
};
const end = (observed: ObservedPod, untold: boolean) =>
  planTermination({ observed, memory: EMPTY_MEMORY, sidecars: [], graceSeconds: 1, untold, because: 'it was deleted' });

describe('the end of a pod whose last status is not told yet', () => {
  it('goes as far as its records, which stay', () => {
    const [sandbox] = dead.sandboxes;
    const ready = { ...dead, sandboxes: sandbox === undefined ? [] : [{ ...sandbox, state: 'ready' as const }] };
    expect(end(ready, true).actions.map(a => a.kind)).toEqual(['stop-sandbox']);
    expect(end(dead, true)).toEqual({ actions: [], wakeAt: undefined, gone: false });
  });

  it('goes on once it is told, and where there are no records', () => {
    expect(end(dead, false).actions.map(a => a.kind)).toEqual(['remove-sandbox']);
    expect(end({ ...dead, sandboxes: [] }, true).actions.map(a => a.kind)).toEqual([
      'remove-volumes',
      'remove-cgroup',
      'remove-pod-dir',
    ]);
  });
});

describe('the end of a pod whose machine goes down', () => {
  const [sandbox] = dead.sandboxes;
  const ready = { ...dead, sandboxes: sandbox === undefined ? [] : [{ ...sandbox, state: 'ready' as const }] };
  const endWithMachine = (observed: ObservedPod, untold: boolean) =>
    planTermination({
      ...{ observed, memory: EMPTY_MEMORY, sidecars: [], graceSeconds: 1, untold, keepRest: true },
      because: 'the machine is shutting down',
    });

  it('ends what runs and takes nothing away', () => {
    expect(endWithMachine(ready, false).actions.map(a => a.kind)).toEqual(['stop-sandbox']);
    expect(endWithMachine(dead, false)).toEqual({ actions: [], wakeAt: undefined, gone: false, stopped: true });
  });

  it('is reached only when it is told', () => {
    expect(endWithMachine(dead, true)).toMatchObject({ actions: [], stopped: false });
  });
});
