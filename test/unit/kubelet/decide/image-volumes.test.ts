import { describe, expect, it } from 'vitest';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const MOUNTS = 'volumeMounts: [{name: model, mountPath: /m}, {name: model, mountPath: /n, subPath: a}]';
const pod = (mounts: string, policy = '') =>
  podWith(
    `restartPolicy: Always
  volumes: [{name: model, image: {reference: "reg.example/model:1"${policy}}}]
  containers: [{name: main, image: localhost/busybox:1, ${mounts}}]`,
  );
const FAILURE = { reason: 'ErrImagePull', message: 'failed to pull image "reg.example/model:1": no such thing' };

describe('a container that mounts an image', () => {
  it('starts when that image is here beside its own, and asks for both again when it is started again', async () => {
    const sim = new Simulation(pod(MOUNTS));
    await sim.settle();
    const asked = (): number => sim.log.filter(l => l.startsWith('ensure-image main: volume model')).length;
    expect(asked()).toBe(1);
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    await sim.settle();
    expect(sim.runtime.running()).toHaveLength(1);
    expect(asked()).toBe(2);
  });

  it('waits for it as for its own, and says which one it is', async () => {
    const sim = new Simulation(pod(MOUNTS));
    sim.imageAnswers.set('reg.example/model:1', FAILURE);
    const seen: unknown[] = [];
    for (let step = 0; step < 8; step += 1) {
      await sim.step();
      seen.push(sim.status().containerStatuses?.[0]?.state.waiting);
    }
    expect(sim.runtime.running()).toEqual([]);
    expect(seen).toContainEqual(FAILURE);
    expect(seen).toContainEqual({
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image "reg.example/model:1": ErrImagePull: ${FAILURE.message}`,
    });
    sim.imageAnswers.clear();
    await sim.settle();
    expect(sim.runtime.running()).toHaveLength(1);
  });

  it('tells of the failed volume before its own image, as upstream, and looks at whichever is due first', async () => {
    const sim = new Simulation(pod(MOUNTS));
    sim.imageAnswers.set('reg.example/model:1', FAILURE);
    sim.imageAnswers.set('localhost/busybox:1', { reason: 'ErrImagePull', message: 'own' });
    for (let step = 0; step < 4; step += 1) await sim.step();
    expect(sim.status().containerStatuses?.[0]?.state.waiting?.message).toContain('reg.example/model:1');
    expect((await sim.plan()).wakeAt).toBeGreaterThan(sim.runtime.now);
  });

  it('is not held up by a volume that it does not mount', async () => {
    const sim = new Simulation(pod('command: [sleep]'));
    sim.imageAnswers.set('reg.example/model:1', FAILURE);
    await sim.settle();
    expect(sim.runtime.running()).toHaveLength(1);
    expect(sim.log.join()).not.toContain('model');
  });
});
