import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../src/api/types/gen/core-v1.ts';
import { PodChecks, prepareChecks } from '../../../src/scheduler/filter/all.ts';
import { podInfo } from '../../../src/scheduler/pod-info.ts';
import { type Random, seededRandom } from '../../harness/random.ts';
import { SchedulerWorld } from '../../harness/scheduler-world.ts';
import { pictureOf, settled, testNode, testPod } from '../../harness/scheduling.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const SEEDS = Array.from({ length: 20 }, (_, i) => seededRandom().seed + i);

/** A thing that somebody does to the world. */
type Act = (world: SchedulerWorld, random: Random, serial: number) => void;

/** One of them by chance; none where there are none. */
function oneOf<T>(random: Random, all: readonly T[]): readonly T[] {
  return all.slice(random.below(all.length)).slice(0, 1);
}

const addNode: Act = (world, random, serial) => world.putNode(node(`n${serial}`, random));
const changeNode: Act = (world, random) => {
  for (const { metadata } of oneOf(random, world.nodes.list())) world.putNode(node(metadata.name ?? '', random));
};
const removeNode: Act = (world, random) => {
  for (const { metadata } of oneOf(random, world.nodes.list())) world.removeNode(metadata.name ?? '');
};
const removePod: Act = (world, random) => {
  for (const { metadata } of oneOf(random, world.pods.list())) world.removePod(`default/${metadata.name}`);
};
const relabelPod: Act = (world, random) => {
  for (const pod of oneOf(random, world.pods.list()))
    world.putPod({ ...pod, metadata: { ...pod.metadata, labels: { app: random.pick(['a', 'b', 'c']) } } });
};
const plainPod: Act = (world, random, serial) =>
  world.putPod(testPod(`p${serial}`, { requests: requests(random), priority: random.below(3) }));
const anyPod: Act = (world, random, serial) => world.putPod(choosyPod(`p${serial}`, random));

function node(name: string, random: Random): Node {
  const labels = { [ZONE]: random.pick(['x', 'y']), disk: random.pick(['ssd', 'hdd']) };
  const taints = random.pick([[], [], [{ key: 't', effect: 'NoSchedule' }]]);
  const allocatable = { cpu: String(1 + random.below(3)), memory: '4Gi', pods: String(2 + random.below(5)) };
  return testNode(name, { labels, taints, allocatable, unschedulable: random.below(6) === 0 });
}

function requests(random: Random): Readonly<Record<string, string>> {
  return { cpu: `${100 * (1 + random.below(15))}m`, memory: `${1 + random.below(1500)}Mi` };
}

/** A pod with one or another wish. All matter alike, so that none is removed for another. */
function choosyPod(name: string, random: Random): Pod {
  const app = (): string => random.pick(['a', 'b', 'c']);
  const term = { topologyKey: random.pick([HOST, ZONE]), labelSelector: { matchLabels: { app: app() } } };
  const required = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
  const constraint = { ...term, maxSkew: 1 + random.below(2), whenUnsatisfiable: 'DoNotSchedule' };
  const spec = random.pick<object>([
    {},
    { nodeSelector: { disk: 'ssd' } },
    { tolerations: [{ operator: 'Exists' }] },
    { affinity: { podAffinity: required } },
    { affinity: { podAntiAffinity: required } },
    { affinity: { podAntiAffinity: required } },
    { topologySpreadConstraints: [constraint] },
    { topologySpreadConstraints: [{ ...constraint, nodeTaintsPolicy: 'Honor' }], nodeSelector: { disk: 'hdd' } },
    { containers: [{ name: 'c', resources: {}, ports: [{ hostPort: random.pick([80, 81]), protocol: 'TCP' }] }] },
  ]);
  return testPod(name, { labels: { app: app() }, requests: requests(random), spec });
}

/** Plays acts by chance while some bindings fail, then lets time pass until all has been tried that can be. */
async function play(acts: readonly [Act, ...Act[]], random: Random): Promise<SchedulerWorld> {
  const world = new SchedulerWorld({ random: () => random.next() });
  world.answer = () => random.pick([undefined, undefined, undefined, undefined, new Error('this time not')]);
  for (let step = 0; step < 40; step += 1) {
    for (let i = random.below(5); i >= 0; i -= 1) random.pick(acts)(world, random, 10 * step + i);
    await world.work();
    await world.clock.advance(random.below(2) * random.below(3_000));
  }
  world.answer = () => undefined;
  for (let i = 0; i < 30; i += 1) {
    await world.clock.advance(1_000);
    await world.work();
  }
  return world;
}

/** Nodes that hold more than they have, though they had it when the pods came: nobody made them smaller. */
function overcommitted(world: SchedulerWorld): readonly string[] {
  return world.nodes.list().flatMap(({ metadata, status }) => {
    const pods = world.pods.list().filter(pod => pod.spec.nodeName === metadata.name);
    const wanted = pods.map(pod => podInfo(pod).requests);
    const milliCpu = wanted.reduce((sum, each) => sum + each.milliCpu, 0);
    const memory = wanted.reduce((sum, each) => sum + each.memory, 0);
    const { cpu, pods: allowed } = status.allocatable ?? {};
    const fits = milliCpu <= Number(cpu) * 1000 && memory <= 4 * 1024 ** 3 && pods.length <= Number(allowed);
    return fits ? [] : [`${metadata.name}: ${pods.map(pod => pod.metadata.name).join(' ')}`];
  });
}

/** Pods that wait though some node would take them, by a picture that is made anew. */
function leftOver(world: SchedulerWorld): readonly string[] {
  const pods = world.pods.list();
  const picture = pictureOf(
    world.nodes.list(),
    pods.filter(pod => pod.spec.nodeName !== undefined),
  );
  return pods
    .filter(pod => pod.spec.nodeName === undefined)
    .flatMap(pod => {
      const checks = settled(prepareChecks(podInfo(pod), picture));
      const fitting = checks instanceof PodChecks ? picture.nodes.filter(each => checks.check(each) === undefined) : [];
      return fitting.map(({ name }) => `${pod.metadata.name} fits on ${name}: ${JSON.stringify(pod.spec)}`);
    });
}

describe('a world in which nodes and pods come and go', () => {
  it.each(SEEDS)('never has a node with more than fits (seed %i)', async seed => {
    const acts = [addNode, removeNode, ...Array<Act>(4).fill(removePod), ...Array<Act>(8).fill(plainPod)] as const;
    const world = await play([addNode, ...acts], seededRandom(seed));
    expect([overcommitted(world), leftOver(world)]).toEqual([[], []]);
  });

  it.each(SEEDS)('leaves no pod without a node that takes it, whatever it wishes (seed %i)', async seed => {
    const others = [...Array<Act>(3).fill(removePod), ...Array<Act>(8).fill(anyPod)];
    const world = await play([addNode, addNode, changeNode, removeNode, relabelPod, ...others], seededRandom(seed));
    expect(leftOver(world)).toEqual([]);
  });
});
