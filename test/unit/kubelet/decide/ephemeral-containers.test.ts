import { describe, expect, it } from 'vitest';
import { rememberImage } from '../../../../src/kubelet/decide/remember.ts';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const IMAGE = 'image: localhost/busybox:1';
const MAIN = `containers: [{name: main, ${IMAGE}}]`;

/** A pod that runs, and is given ephemeral containers then. */
async function debugged(spec = MAIN, ...names: readonly string[]): Promise<Simulation> {
  const sim = new Simulation(podWith(spec));
  await sim.settle();
  sim.log.length = 0;
  const ephemeralContainers = names.map(name => ({ name, image: 'localhost/busybox:1', resources: {} }));
  sim.pod = { ...sim.pod, pod: { ...sim.pod.pod, spec: { ...sim.pod.pod.spec, ephemeralContainers } } };
  return sim;
}

const running = (sim: Simulation, name: string) => sim.runtime.running().filter(c => c.config.metadata?.name === name);
const exit = (sim: Simulation, name: string, code: number): void =>
  sim.runtime.exit(running(sim, name)[0]?.id ?? '', code);
const told = (sim: Simulation) => sim.status().ephemeralContainerStatuses;

describe('an ephemeral container', () => {
  it('starts beside the others of a pod that runs, which are left alone', async () => {
    const sim = await debugged(MAIN, 'debug');
    const [main] = running(sim, 'main');
    await sim.settle();
    expect(sim.log.map(line => line.split(':')[0])).toEqual(['ensure-image debug', 'start-container debug']);
    expect(running(sim, 'main')).toEqual([main]);
    expect(running(sim, 'debug')).toHaveLength(1);
  });

  it('starts though initialisation is not over', async () => {
    const spec = `initContainers: [{name: init, ${IMAGE}}]\n  ${MAIN}`;
    const sim = await debugged(spec, 'debug');
    await sim.settle();
    expect([running(sim, 'init').length, running(sim, 'main').length, running(sim, 'debug').length]).toEqual([1, 0, 1]);
    expect(sim.status().phase).toBe('Pending');
  });

  it.each([0, 1, 137])('that ended with %i is not started again, also after the kubelet was', async code => {
    const sim = await debugged(MAIN, 'debug');
    await sim.settle();
    exit(sim, 'debug', code);
    sim.memory = new Simulation(sim.pod).memory;
    await sim.settle();
    expect(running(sim, 'debug')).toEqual([]);
    expect(told(sim)).toMatchObject([{ name: 'debug', restartCount: 0, state: { terminated: { exitCode: code } } }]);
  });

  it('is not started again in a sandbox that takes the place of its own', async () => {
    const sim = await debugged(MAIN, 'debug');
    await sim.settle();
    exit(sim, 'main', 1);
    exit(sim, 'debug', 0);
    sim.runtime.loseSandbox(sim.runtime.ready()[0]?.id ?? '');
    await sim.settle();
    expect([running(sim, 'main').length, running(sim, 'debug').length]).toEqual([1, 0]);
  });

  it('that was created when the kubelet was killed is started', async () => {
    const sim = await debugged(MAIN, 'debug');
    await sim.step();
    sim.runtime.failNext.add('startContainer');
    await sim.step();
    expect(running(sim, 'debug')).toEqual([]);
    sim.memory = new Simulation(sim.pod).memory;
    await sim.settle();
    expect(running(sim, 'debug')).toHaveLength(1);
  });

  it('is neither ready nor started, and changes neither phase nor conditions', async () => {
    const sim = await debugged(MAIN, 'debug');
    const { phase, conditions } = sim.status();
    await sim.settle();
    const [status] = told(sim) ?? [];
    expect(status).toMatchObject({ ready: false, state: { running: {} }, containerID: expect.any(String) });
    expect(status).not.toHaveProperty('started');
    exit(sim, 'debug', 3);
    await sim.settle();
    expect(sim.status()).toMatchObject({ phase, conditions });
    expect(phase).toBe('Running');
  });

  it('whose image cannot be had waits, and holds up nothing', async () => {
    const sim = await debugged(MAIN, 'debug');
    sim.memory = rememberImage(
      sim.memory,
      sim.container('debug'),
      { reason: 'ErrImagePull', message: 'no' },
      sim.runtime.now,
    );
    exit(sim, 'main', 1);
    await sim.step();
    await sim.step();
    expect(running(sim, 'main')).toHaveLength(1);
    expect(told(sim)).toMatchObject([{ state: { waiting: { reason: 'ErrImagePull', message: 'no' } } }]);
  });

  it('ends with its pod: that has finished without it', async () => {
    const spec = `restartPolicy: Never\n  ${MAIN}`;
    const sim = await debugged(spec, 'debug');
    await sim.settle();
    exit(sim, 'main', 0);
    await sim.settle();
    expect(sim.runtime.running()).toEqual([]);
    expect(sim.status()).toMatchObject({ phase: 'Succeeded' });
    expect(told(sim)).toMatchObject([{ state: { terminated: {} } }]);
  });

  it('ends with its pod: that is deleted', async () => {
    const sim = await debugged(MAIN, 'debug');
    await sim.settle();
    sim.wanted = false;
    await sim.settle();
    expect(sim.runtime.containers.size).toBe(0);
  });

  it('is told in the order of names', async () => {
    const sim = await debugged(MAIN, 'z', 'a');
    await sim.settle();
    expect(told(sim)?.map(({ name }) => name)).toEqual(['a', 'z']);
  });
});
