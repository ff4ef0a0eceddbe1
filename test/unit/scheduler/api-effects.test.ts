import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import { GantryError, unavailable } from '../../../src/base/errors.ts';
import type { EventSeriesRecorder, Happening } from '../../../src/client/event-series-recorder.ts';
import type { ResourceClient } from '../../../src/client/resource-client.ts';
import { ApiEffects, statusChange } from '../../../src/scheduler/api-effects.ts';
import type { PodRefusal } from '../../../src/scheduler/effects.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { testPod } from '../../harness/scheduling.ts';

const CONFLICT = new GantryError('aborted', 'pod p is already assigned to node "n"');

/** Effects on a server that answers bindings one after the other, and shows the pod on a node. */
function effects(answers: readonly (Error | undefined)[], shown?: string) {
  const happened: Happening[] = [];
  const asked: object[] = [];
  const clock = new FakeClock();
  const left = [...answers];
  const pods = {
    createSubresource: async (
      _namespace: string,
      _name: string,
      _subresource: string,
      body: object,
    ): Promise<object> => {
      asked.push(body);
      const answer = left.shift();
      return answer === undefined ? {} : Promise.reject(answer);
    },
    get: async (): Promise<Pod> => testPod('p', shown === undefined ? {} : { node: shown }),
  };
  const api = new ApiEffects({
    pods: pods as unknown as ResourceClient<Pod>,
    events: { record: (each: Happening) => happened.push(each) } as unknown as EventSeriesRecorder,
    clock,
    onTrouble: () => {},
  });
  const bind = async (): Promise<string> => {
    const done = api.bind(testPod('p'), 'n', new AbortController().signal).then(
      () => 'bound',
      (error: Error) => error.message,
    );
    await clock.advance(5_000);
    return done;
  };
  return { bind, happened, asked };
}

describe('a binding', () => {
  it('names the very pod and its node, and is told of', async () => {
    const { bind, happened, asked } = effects([undefined]);
    expect(await bind()).toBe('bound');
    expect(asked).toEqual([
      {
        metadata: { name: 'p', namespace: 'default', uid: 'uid-default-p' },
        target: { apiVersion: 'v1', kind: 'Node', name: 'n' },
      },
    ]);
    expect(happened.map(({ reason, note }) => [reason, note])).toEqual([
      ['Scheduled', 'Successfully assigned default/p to n'],
    ]);
  });

  it('fails where it is refused, and nothing is told of it', async () => {
    const { bind, happened } = effects([new GantryError('not-found', 'pods "p" not found')]);
    expect(await bind()).toBe('running Bind plugin "DefaultBinder": pods "p" not found');
    expect(happened).toEqual([]);
  });

  it('is asked for again where nobody answered', async () => {
    const { bind, asked } = effects([unavailable('no answer'), unavailable('no answer'), undefined]);
    expect([await bind(), asked.length]).toEqual(['bound', 3]);
  });

  it('was carried out where nobody answered and the pod is there', async () => {
    const { bind, happened } = effects([unavailable('no answer'), CONFLICT], 'n');
    expect([await bind(), happened.length]).toEqual(['bound', 1]);
  });

  it('fails where nobody answered and the pod is elsewhere', async () => {
    const { bind } = effects([unavailable('no answer'), CONFLICT], 'm');
    expect(await bind()).toContain('already assigned');
  });
});

describe('what is written of a refused pod', () => {
  const NOW = Date.UTC(2030, 0, 1);
  const refusal = (message: string, nominatedNode?: string): PodRefusal => ({
    reason: 'Unschedulable',
    message,
    nominatedNode,
  });
  const condition = (message: string, lastTransitionTime = '2030-01-01T00:00:00Z') => ({
    type: 'PodScheduled',
    observedGeneration: undefined,
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime,
  });
  const told = testPod('p', { status: { conditions: [condition('no', '2020-01-01T00:00:00Z')] } });
  const nominated = testPod('p', { status: { conditions: [condition('no')], nominatedNodeName: 'n' } });

  it.each<[string, Pod, PodRefusal, object | undefined]>([
    ['its condition, the first time', testPod('p'), refusal('no'), { conditions: [condition('no')] }],
    ['nothing, where it says so already', told, refusal('no'), undefined],
    [
      'a new text with the old time',
      told,
      refusal('still no'),
      { conditions: [condition('still no', '2020-01-01T00:00:00Z')] },
    ],
    ['the node that is kept for it', told, refusal('no', 'n'), { nominatedNodeName: 'n' }],
    ['that none is kept any more', nominated, refusal('no', ''), { nominatedNodeName: null }],
    ['nothing of the node where nothing is decided', nominated, refusal('no'), undefined],
  ])('%s', (_, pod, why, expected) => {
    expect(statusChange(pod, why, NOW)).toEqual(expected);
  });
});
