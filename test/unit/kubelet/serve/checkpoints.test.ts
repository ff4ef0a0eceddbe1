import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { GantryError } from '../../../../src/base/errors.ts';
import { Checkpoints } from '../../../../src/kubelet/serve/checkpoints.ts';
import { Container, ContainerState } from '../../../../src/rpc/cri-api.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const spec = { initContainers: [{ name: 'setup' }], containers: [{ name: 'main' }, { name: 'ended' }] };
const pods = [{ metadata: { name: 'web', namespace: 'a', uid: 'u-1' }, spec }] as unknown as Pod[];

function checkpoints(asked: unknown[] = [], failure?: Error): Checkpoints {
  const container = (name: string, state: ContainerState): Container =>
    Container.fromPartial({ id: `id-of-${name}`, metadata: { name, attempt: 0 }, state });
  return new Checkpoints({
    directory: '/var/lib/kubelet/checkpoints',
    pods: () => pods,
    clock: Object.assign(new FakeClock(), { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) }),
    runtime: {
      listContainers: async () => [
        container('main', ContainerState.CONTAINER_RUNNING),
        container('ended', ContainerState.CONTAINER_EXITED),
      ],
      checkpointContainer: async (id, location, timeout) => {
        asked.push({ id, location, timeout });
        if (failure !== undefined) throw failure;
      },
    },
  });
}

const take = (of: Checkpoints, container: string, query = '', pod = 'web'): Promise<string> =>
  of.take({ namespace: 'a', pod, container }, new URLSearchParams(query), new AbortController().signal);
const LOCATION = '/var/lib/kubelet/checkpoints/checkpoint-web_a-main-2026-01-02T03:04:05Z.tar';

describe('a checkpoint by the kubelet', () => {
  it.each([
    ['', 0n],
    ['timeout=30', 30n],
    ['timeout=30&timeout=5', 5n],
  ])('with the query %j is asked for with a timeout of %d s, and its archive is named', async (query, timeout) => {
    const asked: unknown[] = [];
    expect(await take(checkpoints(asked), 'main', query)).toBe(`{"items":["${LOCATION}"]}`);
    expect(asked).toEqual([{ id: 'id-of-main', location: LOCATION, timeout }]);
  });

  it.each([
    ['web', 'other', '', 404, 'container other does not exist'],
    ['other', 'main', '', 404, 'pod does not exist'],
    ['web', 'main', 'timeout=soon', 404, 'cannot parse value of timeout parameter'],
    ['web', 'ended', '', 500, 'checkpointing of a/web/ended failed (container ended not found)'],
    ['web', 'setup', '', 500, 'checkpointing of a/web/setup failed (container setup not found)'],
    ['web', 'main', 'timeout=-1', 500, 'failed (CheckpointContainer requires the timeout value to be > 0)'],
  ])('of %s/%s?%s is refused with %d: %s', async (pod, container, query, status, message) => {
    await expect(take(checkpoints(), container, query, pod)).rejects.toMatchObject({
      status,
      message: expect.stringContaining(message),
    });
  });

  it('that the runtime refuses is refused with its words', async () => {
    const refusing = checkpoints([], new GantryError('failed-precondition', 'there is no criu'));
    await expect(take(refusing, 'main')).rejects.toMatchObject({
      status: 500,
      message: 'checkpointing of a/web/main failed (there is no criu)',
    });
  });
});
