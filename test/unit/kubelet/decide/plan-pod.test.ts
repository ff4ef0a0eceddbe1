import { describe, expect, it } from 'vitest';
import type { PodStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { StartFailure } from '../../../../src/kubelet/act/start-container.ts';
import type { Plan } from '../../../../src/kubelet/decide/actions.ts';
import { imageOf, type PodMemory } from '../../../../src/kubelet/decide/pod-memory.ts';
import { type ImageAnswer, rememberImage, rememberPull } from '../../../../src/kubelet/decide/remember.ts';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const ONE = 'containers: [{name: main, image: localhost/busybox:1}]';
const nameImage = (sim: Simulation, tag: string): void => {
  sim.pod = { ...sim.pod, pod: { ...sim.pod.pod, spec: podWith(ONE.replace(':1', tag)).pod.spec } };
};
const planAfter = (sim: Simulation, memory: PodMemory): Promise<Plan> => {
  sim.memory = memory;
  return sim.plan();
};
const kinds = (log: readonly string[]): string[] => log.map(l => l.split(':')[0] ?? '');

describe('planPod', () => {
  it('makes volumes, cgroup and sandbox in one plan, then starts the container', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    expect(kinds(sim.log)).toEqual([
      'ensure-image main',
      'make-volumes',
      'make-cgroup',
      'create-sandbox',
      'start-container main',
    ]);
    expect(sim.status()).toMatchObject({ phase: 'Running', podIP: '10.0.0.5' });
  });

  it('has nothing to do for a pod that runs, also with an empty memory (the kubelet was restarted)', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    sim.memory = { ...sim.memory, cgroup: 'unknown', volumes: 'unknown' };
    expect((await sim.plan()).actions).toEqual([]);
  });

  it('restarts at once the first time, then waits 10 s, 20 s and so on', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    const waits: number[] = [];
    for (let crash = 0; crash < 7; crash += 1) {
      const before = sim.runtime.now;
      sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
      await sim.settle();
      waits.push((sim.runtime.now - before) / 1000);
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300]);
    expect(sim.status().containerStatuses?.[0]?.restartCount).toBe(7);
  });

  it('waits as after a crash when the runtime refuses to start what it has made', async () => {
    const sim = new Simulation(podWith(ONE));
    const starts: number[] = [];
    sim.runtime.startContainer = async id => {
      starts.push(sim.runtime.now);
      sim.runtime.exit(id, 128);
      throw new StartFailure(id, new Error('there is no such program'));
    };
    while (starts.length < 7) await sim.step();
    // the first is tried again at once, after the pause of any step that failed
    expect(starts.slice(1).map((at, n) => Math.round((at - (starts[n] ?? 0)) / 1000))).toEqual([
      1, 10, 20, 40, 80, 160,
    ]);
  });

  describe('of a container whose image changed', () => {
    const changed = async (): Promise<Simulation> => {
      const sim = new Simulation(podWith(ONE));
      await sim.settle();
      sim.log.length = 0;
      nameImage(sim, ':2');
      return sim;
    };

    it('ends it and starts the next in one plan, when the image of that is here', async () => {
      const sim = await changed();
      await sim.step();
      expect(kinds(sim.log)).toEqual(['ensure-image main']);
      const { actions } = await sim.plan();
      expect(actions).toMatchObject([{ kind: 'kill-containers' }, { kind: 'start-container', restartCount: 1 }]);
      await sim.settle();
      expect(sim.status().containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 1 });
      expect(sim.runtime.running()).toHaveLength(1);
    });

    it.each<[string, ImageAnswer]>([
      ['is being pulled', 'pulling'],
      ['cannot be had', { reason: 'ErrImagePull', message: 'not found' }],
    ])('ends it at once, when the image of the next %s', async (_what, answer) => {
      const sim = await changed();
      sim.memory = rememberImage(sim.memory, sim.container('main'), answer, sim.runtime.now);
      expect((await sim.plan()).actions).toMatchObject([{ kind: 'kill-containers' }]);
    });

    it('does not take what became of another image for what is known of this one', async () => {
      const sim = await changed();
      const second = sim.container('main');
      sim.memory = rememberImage(sim.memory, second, 'pulling', sim.runtime.now);
      nameImage(sim, ':3');
      const third = sim.container('main');
      expect((await sim.plan()).actions).toMatchObject([{ kind: 'ensure-image' }]);
      const arrived = { ref: 'sha256:2', uid: 0, username: '' };
      expect((await planAfter(sim, rememberPull(sim.memory, second, arrived, 0))).actions).toMatchObject([
        { kind: 'ensure-image' },
      ]);
      const asked = rememberImage(sim.memory, third, 'pulling', 0);
      expect(rememberPull(asked, second, arrived, 0)).toBe(asked);
      expect(imageOf(rememberPull(asked, third, arrived, 0), third)).toMatchObject({ state: 'present' });
    });

    it('asks for it at once, though the image before is in its back-off', async () => {
      const sim = new Simulation(podWith(ONE));
      const failed = { reason: 'ErrImagePull', message: 'not found' };
      sim.memory = rememberImage(sim.memory, sim.container('main'), failed, sim.runtime.now);
      nameImage(sim, ':2');
      expect((await sim.plan()).actions.map(a => a.kind)).toContain('ensure-image');
    });
  });

  it('starts anew with the back-off after a container ran for more than ten minutes', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    for (let crash = 0; crash < 4; crash += 1) {
      sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
      await sim.settle();
    }
    sim.runtime.now += 601_000;
    const before = sim.runtime.now;
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    await sim.settle();
    expect(sim.runtime.now - before).toBe(0);
  });

  it('counts the time that a container ran towards the ten minutes, and not the wait before it', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    const crashAfter = async (ranMs: number): Promise<number> => {
      sim.runtime.now += ranMs;
      const before = sim.runtime.now;
      sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
      await sim.settle();
      return (sim.runtime.now - before) / 1000;
    };
    for (let crash = 0; crash < 7; crash += 1) await crashAfter(0);
    // it waited 300 s before each of these
    expect(await crashAfter(301_000)).toBe(300);
    expect(await crashAfter(600_000)).toBe(300);
    expect(await crashAfter(600_001)).toBe(0);
    expect(await crashAfter(0)).toBe(10);
  });

  it('goes on with the restart count and does not forget the back-off when the kubelet is restarted', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    for (let crash = 0; crash < 3; crash += 1) {
      sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
      await sim.settle();
    }
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    sim.memory = new Simulation(sim.pod).memory;
    const plan = await sim.plan();
    expect(plan.wakeAt).toBe(sim.runtime.now + 40_000);
    await sim.settle();
    expect(sim.status().containerStatuses?.[0]?.restartCount).toBe(4);
  });

  it('starts at once after a reboot, however often there was one: the container has not failed', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    const waits: number[] = [];
    for (let reboot = 0; reboot < 4; reboot += 1) {
      const before = sim.runtime.now;
      sim.runtime.loseSandbox(sim.runtime.ready()[0]?.id ?? '');
      sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 255);
      sim.memory = new Simulation(sim.pod).memory;
      await sim.settle();
      waits.push((sim.runtime.now - before) / 1000);
    }
    expect(waits).toEqual([0, 0, 0, 0]);
    expect(sim.status().containerStatuses?.[0]?.restartCount).toBe(4);
  });

  it('keeps one dead container per name', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    for (let crash = 0; crash < 4; crash += 1) {
      sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
      await sim.settle();
    }
    expect(sim.runtime.containers.size).toBe(2);
  });

  it('starts a container that was created and never started, instead of making a second', async () => {
    const sim = new Simulation(podWith(ONE));
    sim.runtime.failNext.add('startContainer');
    await sim.settle();
    expect(sim.runtime.containers.size).toBe(1);
    expect(sim.log.at(-1)).toBe('start-created main: it was created and never started');
  });

  it('makes a new sandbox when the old one dies, with the next attempt, and drops the old when nothing is left in it', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    sim.runtime.loseSandbox(sim.runtime.ready()[0]?.id ?? '');
    await sim.settle();
    expect(sim.runtime.ready().map(s => s.config.metadata?.attempt)).toEqual([1]);
    expect(sim.log).toContain('create-sandbox: its sandbox is not ready any more');
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    await sim.settle();
    expect(sim.runtime.sandboxes.size).toBe(1);
  });

  it('runs init containers one after another before the app, and again in a new sandbox', async () => {
    const image = 'image: localhost/busybox:1';
    const sim = new Simulation(
      podWith(`initContainers: [{name: a, ${image}}, {name: b, ${image}}]\n  containers: [{name: main, ${image}}]`),
    );
    await sim.settle();
    expect(sim.runtime.running().map(c => c.config.metadata?.name)).toEqual(['a']);
    expect(sim.status()).toMatchObject({ phase: 'Pending' });
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 0);
    await sim.settle();
    expect(sim.runtime.running().map(c => c.config.metadata?.name)).toEqual(['b']);
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 0);
    await sim.settle();
    expect(sim.runtime.running().map(c => c.config.metadata?.name)).toEqual(['main']);
    sim.runtime.loseSandbox(sim.runtime.ready()[0]?.id ?? '');
    await sim.settle();
    expect(sim.runtime.running().map(c => c.config.metadata?.name)).toEqual(['a']);
  });

  it('fails the pod when an init container fails under restartPolicy Never, and gives its sandbox back', async () => {
    const image = 'image: localhost/busybox:1';
    const sim = new Simulation(
      podWith(`restartPolicy: Never\n  initContainers: [{name: a, ${image}}]\n  containers: [{name: main, ${image}}]`),
    );
    await sim.settle();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 5);
    await sim.settle();
    expect(sim.status().phase).toBe('Failed');
    expect(sim.runtime.ready()).toEqual([]);
  });

  it.each([
    ['Never', 0, 'Succeeded'],
    ['Never', 3, 'Failed'],
    ['OnFailure', 0, 'Succeeded'],
  ] as const)('with restartPolicy %s an exit with %i ends the pod as %s', async (policy, code, phase) => {
    const sim = new Simulation(podWith(`restartPolicy: ${policy}\n  ${ONE}`));
    await sim.settle();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', code);
    await sim.settle();
    expect(sim.status().phase).toBe(phase);
    expect(sim.runtime.running()).toEqual([]);
    expect(sim.runtime.ready()).toEqual([]);
    expect(sim.runtime.containers.size).toBe(1);
  });

  it('restarts by a rule of the container where the policy would not', async () => {
    const rule = 'restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]';
    const sim = new Simulation(
      podWith(
        `restartPolicy: Never\n  containers: [{name: main, image: localhost/busybox:1, restartPolicy: Never, ${rule}}]`,
      ),
    );
    await sim.settle();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 42);
    await sim.settle();
    expect(sim.runtime.running()).toHaveLength(1);
  });

  it('ends a pod that is over its active deadline', async () => {
    const sim = new Simulation(podWith(`activeDeadlineSeconds: 30\n  ${ONE}`));
    await sim.settle();
    expect(sim.status()).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(sim.runtime.running()).toEqual([]);
  });

  it('counts the active deadline from when the pod was begun, though nothing of that is left or ever was', async () => {
    const sim = new Simulation(podWith(`activeDeadlineSeconds: 30\n  ${ONE}`));
    const startTime = new Date(sim.runtime.now - 30_000).toISOString();
    sim.previous = { phase: 'Pending', startTime } as unknown as PodStatus;
    expect(kinds((await sim.plan()).actions.map(({ kind }) => kind))).not.toContain('create-sandbox');
    expect(sim.status()).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });

  it('says of no pod that had ended before that it was over its deadline', async () => {
    const sim = new Simulation(podWith(`activeDeadlineSeconds: 30\n  ${ONE}`));
    const startTime = new Date(sim.runtime.now - 60_000).toISOString();
    sim.previous = { phase: 'Succeeded', startTime } as unknown as PodStatus;
    expect(sim.status()).toMatchObject({ phase: 'Succeeded' });
    expect(sim.status().reason).toBeUndefined();
  });

  it('keeps a sidecar running beside the app and ends it after the app', async () => {
    const image = 'image: localhost/busybox:1';
    const sim = new Simulation(
      podWith(
        `restartPolicy: Never\n  initContainers: [{name: side, ${image}, restartPolicy: Always}]\n  containers: [{name: main, ${image}}]`,
      ),
    );
    await sim.settle();
    expect(sim.runtime.running().map(c => c.config.metadata?.name)).toEqual(['side', 'main']);
    sim.runtime.exit(sim.runtime.running()[1]?.id ?? '', 0);
    await sim.settle();
    expect(sim.status().phase).toBe('Succeeded');
    expect(sim.runtime.running()).toEqual([]);
  });
});
