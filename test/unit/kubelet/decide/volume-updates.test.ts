import { describe, expect, it } from 'vitest';
import { rememberFailed, rememberObjectChange } from '../../../../src/kubelet/decide/remember.ts';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const ONE = 'containers: [{name: main, image: localhost/busybox:1}]';
const FILES = `volumes: [{name: v, configMap: {name: c}}]\n  ${ONE}`;
const UPDATE = { kind: 'update-volumes', because: 'x' } as const;
const failure = (reason: string) => ({ reason, message: 'configmap "c" not found', containerId: undefined });

async function running(spec: string): Promise<Simulation> {
  const sim = new Simulation(podWith(spec));
  await sim.settle();
  return sim;
}
const kinds = async (sim: Simulation): Promise<string[]> => (await sim.plan()).actions.map(a => a.kind);

describe('the files of volumes of a pod that runs', () => {
  it('are written anew when an object changes, and then not again', async () => {
    const sim = await running(FILES);
    expect(await kinds(sim)).toEqual([]);
    sim.memory = rememberObjectChange(sim.memory);
    expect(await kinds(sim)).toEqual(['update-volumes']);
    await sim.settle();
    expect(await kinds(sim)).toEqual([]);
  });

  it('are looked at once by a kubelet that was restarted', async () => {
    const sim = await running(FILES);
    sim.memory = new Simulation(sim.pod).memory;
    expect(await kinds(sim)).toEqual(['update-volumes']);
  });

  it('are nothing to a pod without any', async () => {
    const sim = await running(ONE);
    sim.memory = rememberObjectChange(sim.memory);
    expect(await kinds(sim)).toEqual([]);
  });

  it('hold up no restart of a container when they cannot be written, and are tried again later', async () => {
    const sim = await running(FILES);
    sim.memory = rememberFailed(rememberObjectChange(sim.memory), UPDATE, failure('FailedMount'), sim.runtime.now);
    expect(await sim.plan()).toMatchObject({ actions: [], wakeAt: sim.runtime.now + 1_000 });
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    expect(await kinds(sim)).toEqual(['ensure-image']);
    expect(sim.status().containerStatuses?.[0]?.state.waiting?.reason).not.toBe('FailedMount');
  });

  it('are tried at once when an object changes, and wait longer each time all the same', async () => {
    const sim = await running(FILES);
    sim.memory = rememberFailed(rememberObjectChange(sim.memory), UPDATE, failure('FailedMount'), sim.runtime.now);
    sim.memory = rememberObjectChange(sim.memory);
    expect(await kinds(sim)).toEqual(['update-volumes']);
    sim.memory = rememberFailed(sim.memory, UPDATE, failure('FailedMount'), sim.runtime.now);
    expect((await sim.plan()).wakeAt).toBe(sim.runtime.now + 2_000);
  });
});

describe('a change of an object', () => {
  const start = {
    kind: 'start-container',
    container: 'main',
    sandboxId: 's',
    restartCount: 0,
    backoff: undefined,
  } as const;
  it.each([
    ['CreateContainerConfigError', true],
    ['CreateContainerError', false],
  ])('ends the wait of a container that failed with %s: %s', (reason, ends) => {
    const { memory, runtime } = new Simulation(podWith(ONE));
    const failed = rememberFailed(memory, { ...start, because: 'x' }, failure(reason), runtime.now);
    const { retryAt = 0, message } = rememberObjectChange(failed).failures.get('main') ?? {};
    expect([retryAt < runtime.now, message]).toEqual([ends, 'configmap "c" not found']);
  });
});
