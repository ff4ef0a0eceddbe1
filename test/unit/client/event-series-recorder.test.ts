import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/api/types/gen/events-v1.ts';
import { notFound } from '../../../src/base/errors.ts';
import { EventSeriesRecorder, type Happening } from '../../../src/client/event-series-recorder.ts';
import type { ResourceClient } from '../../../src/client/resource-client.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { testPod } from '../../harness/scheduling.ts';

function recorder() {
  const created: Event[] = [];
  const patches: object[] = [];
  const troubles: string[] = [];
  const clock = new FakeClock();
  const server = {
    create: async (event: Event): Promise<Event> => {
      created.push(event);
      return event;
    },
    patch: async (_target: object, _type: string, patch: object): Promise<Event> => {
      patches.push(patch);
      return created[0] ?? expect.fail('nothing was created');
    },
  };
  const recorder = new EventSeriesRecorder({
    events: server as unknown as ResourceClient<Event>,
    controller: 'default-scheduler',
    instance: 'default-scheduler-host',
    clock,
    random: () => 0,
    onTrouble: message => troubles.push(message),
  });
  return { recorder, server, created, patches, troubles, clock };
}

const happening = (note: string): Happening => ({
  regarding: { apiVersion: 'v1', kind: 'Pod', object: testPod('p') },
  type: 'Warning',
  reason: 'FailedScheduling',
  action: 'Scheduling',
  note,
});

describe('an event of events.k8s.io', () => {
  it('is written as it happened', async () => {
    const { recorder: told, created } = recorder();
    told.record(happening('no'));
    await told.flush();
    expect(created).toEqual([
      {
        metadata: { name: `p.${(1_893_456_000_000_000_000n).toString(16)}`, namespace: 'default' },
        eventTime: '2030-01-01T00:00:00.000000Z',
        reportingController: 'default-scheduler',
        reportingInstance: 'default-scheduler-host',
        action: 'Scheduling',
        reason: 'FailedScheduling',
        regarding: {
          apiVersion: 'v1',
          kind: 'Pod',
          namespace: 'default',
          name: 'p',
          uid: 'uid-default-p',
          resourceVersion: undefined,
        },
        note: 'no',
        type: 'Warning',
      },
    ]);
  });

  it('becomes a series when it happens again, and is counted once a minute', async () => {
    const { recorder: told, created, patches, clock } = recorder();
    for (let i = 0; i < 5; i += 1) told.record(happening('no'));
    await told.flush();
    await clock.advance(60_000);
    told.record(happening('no'));
    await told.flush();
    expect(created.length).toBe(1);
    expect(patches).toEqual([
      { series: { count: 2, lastObservedTime: '2030-01-01T00:00:00.000000Z' } },
      { series: { count: 6, lastObservedTime: '2030-01-01T00:01:00.000000Z' } },
    ]);
  });

  it('is another one when it says something else', async () => {
    const { recorder: told, created } = recorder();
    told.record(happening('no'));
    told.record(happening('still no'));
    await told.flush();
    expect(created.map(({ note }) => note)).toEqual(['no', 'still no']);
  });

  it('is written anew when the first one is gone', async () => {
    const { recorder: told, server, created } = recorder();
    server.patch = () => Promise.reject(notFound('gone'));
    for (let i = 0; i < 2; i += 1) told.record(happening('no'));
    await told.flush();
    expect(created.length).toBe(2);
  });

  it('is cut where the server would refuse it', async () => {
    const { recorder: told, created } = recorder();
    told.record(happening('x'.repeat(2000)));
    await told.flush();
    expect(created[0]?.note).toBe(`${'x'.repeat(1020)} ...`);
  });

  it('is told to the log where it cannot be written', async () => {
    const { recorder: told, server, troubles } = recorder();
    server.create = () => Promise.reject(new Error('refused'));
    told.record(happening('no'));
    await told.flush();
    expect(troubles).toEqual(['the event FailedScheduling of Pod default/p was not written: refused']);
  });
});
