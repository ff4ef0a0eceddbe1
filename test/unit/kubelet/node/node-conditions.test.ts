import { describe, expect, it } from 'vitest';
import { networkProblem, nodeConditions } from '../../../../src/kubelet/node/node-conditions.ts';
import { NO_PRESSURE } from '../../../../src/kubelet/node/pressure.ts';
import type { RuntimeStatus } from '../../../../src/kubelet/runtime/ports.ts';

const up = { type: 'RuntimeReady', status: true, reason: '', message: '' };
const network = { type: 'NetworkReady', status: true, reason: '', message: '' };
const noNetwork = { ...network, status: false, reason: 'NetworkPluginNotReady', message: 'no network config' };
const noRuntime = { ...up, status: false, reason: 'Broken', message: 'no conmon' };
const T0 = '2026-01-02T03:04:05Z';
const T1 = '2026-01-02T03:05:05Z';

const says = (conditions: RuntimeStatus['conditions'] | undefined): RuntimeStatus | undefined =>
  conditions && { conditions, handlers: [], supplementalGroupsPolicy: undefined };

describe('the Ready condition', () => {
  it.each([
    ['the runtime has not answered yet', undefined, false, 'container runtime status check may not have completed yet'],
    ['the runtime is silent', [up, network], true, 'container runtime is down'],
    [
      'there is no network',
      [up, noNetwork],
      false,
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no network config',
    ],
    [
      'neither is ready',
      [noRuntime, noNetwork],
      false,
      '[container runtime not ready: RuntimeReady=false reason:Broken message:no conmon, container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no network config]',
    ],
    ['the runtime does not tell of the network', [up], false, 'container runtime network not ready: <nil>'],
  ])('is false with the reason when %s', (_what, conditions, down, message) => {
    const ready = nodeConditions({ status: says(conditions), down }, NO_PRESSURE, [], T0).at(-1);
    expect(ready).toMatchObject({ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message });
  });

  it('is false while the machine goes down', () => {
    const health = { status: says([up, network]), down: false, shuttingDown: true };
    const ready = nodeConditions(health, NO_PRESSURE, [], T0).at(-1);
    expect(ready).toMatchObject({ status: 'False', reason: 'KubeletNotReady', message: 'node is shutting down' });
  });

  it('is true when runtime and network are', () => {
    const ready = nodeConditions({ status: says([up, network]), down: false }, NO_PRESSURE, [], T0).at(-1);
    expect(ready).toMatchObject({ status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' });
  });
});

describe('the network', () => {
  it.each([
    [undefined, undefined],
    [[up, network], undefined],
    [[up], undefined],
    [
      [up, noNetwork],
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no network config',
    ],
  ])('of a runtime that says %j is wanting: %s', (conditions, problem) => {
    expect(networkProblem({ status: says(conditions), down: false })).toBe(problem);
  });
});

describe('conditions of a node', () => {
  const health = { status: says([up, network]), down: false };

  it('tell what the node is short of in upstream words', () => {
    const all = nodeConditions(health, { memory: true, disk: true, pid: true }, [], T0);
    expect(all.map(c => `${c.type}=${c.status} ${c.reason}: ${c.message}`)).toEqual([
      'MemoryPressure=True KubeletHasInsufficientMemory: kubelet has insufficient memory available',
      'DiskPressure=True KubeletHasDiskPressure: kubelet has disk pressure',
      'PIDPressure=True KubeletHasInsufficientPID: kubelet has insufficient PID available',
      'Ready=True KubeletReady: kubelet is posting ready status',
    ]);
  });

  it('keep the time of their last change while they stay, and get a new heartbeat', () => {
    const before = nodeConditions(health, NO_PRESSURE, [], T0);
    const after = nodeConditions(health, { ...NO_PRESSURE, disk: true }, before, T1);
    expect(after.map(c => [c.type, c.lastTransitionTime, c.lastHeartbeatTime])).toEqual([
      ['MemoryPressure', T0, T1],
      ['DiskPressure', T1, T1],
      ['PIDPressure', T0, T1],
      ['Ready', T0, T1],
    ]);
  });
});
