import { describe, expect, it } from 'vitest';
import type { PodStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { backoffEvents } from '../../../../src/kubelet/report/backoff-events.ts';
import { failureEvent } from '../../../../src/kubelet/report/failure-event.ts';
import { podWith } from '../pods.ts';

const pod = { ...podWith('containers: [{name: main, image: a:1}]'), uid: 'u' };
const waiting = (reason: string, message = 'Back-off pulling image "h:5/v:1": ErrImagePull: no "x": y'): PodStatus => ({
  containerStatuses: [
    {
      name: 'main',
      image: 'a:1',
      imageID: '',
      ready: false,
      restartCount: 0,
      state: { waiting: { reason, message } },
      lastState: {},
    },
  ],
});

describe('backoffEvents', () => {
  it.each<[string | undefined, string, readonly string[]]>([
    [
      'ErrImagePull',
      'ImagePullBackOff',
      ['Normal BackOff Back-off pulling image "h:5/v:1"', 'Warning Failed Error: ImagePullBackOff'],
    ],
    [
      undefined,
      'CrashLoopBackOff',
      ['Warning BackOff Back-off restarting failed container main in pod web-n1_default(u)'],
    ],
    ['CrashLoopBackOff', 'CrashLoopBackOff', []],
    ['ImagePullBackOff', 'ErrImagePull', []],
    ['ContainerCreating', 'ErrImagePull', []],
  ])('from %s to %s: %j', (before, after, expected) => {
    const events = backoffEvents(pod, before === undefined ? undefined : waiting(before), waiting(after));
    expect(events.map(e => `${e.type} ${e.reason} ${e.message}`)).toEqual(expected);
  });
});

describe('failureEvent', () => {
  it.each([
    ['start-container', { reason: 'Failed', message: 'Error: x' }],
    ['create-sandbox', { reason: 'FailedCreatePodSandBox', message: 'Failed to create pod sandbox: x' }],
    ['make-cgroup', { reason: 'FailedCreatePodContainer', message: 'unable to ensure pod container exists: x' }],
    ['kill-containers', { reason: 'FailedKillPod', message: 'error killing pod: x' }],
    ['make-volumes', undefined],
    ['ensure-image', { reason: 'Failed', message: 'Error: ImageInspectError' }],
  ] as const)('of %s is %j', (step, expected) => {
    expect(failureEvent(step, 'x')).toEqual(expected);
  });

  it('says of a network that is not ready just that', () => {
    expect(failureEvent('create-sandbox', 'network is not ready: x', 'NetworkNotReady')).toEqual({
      reason: 'NetworkNotReady',
      message: 'network is not ready: x',
    });
  });
});
