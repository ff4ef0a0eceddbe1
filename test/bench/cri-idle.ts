import { setTimeout } from 'node:timers/promises';
import { pss } from '../harness/pss.ts';
import {
  atOnce,
  type IdlePod,
  operationRows,
  type PeerRow,
  peerTable,
  removePod,
  runPod,
  Samples,
  type Side,
  type Sides,
} from './cri-sides.ts';

const GOAL = 0.5;
const MEMORY_GOAL = 0.3;
const CALLS = 30;
const WIDTH = 8;

async function fill(side: Side, pods: number, containers: number): Promise<IdlePod[]> {
  const made: IdlePod[] = [];
  const names = Array.from({ length: pods }, (_, pod) => `idle-${containers}-${pod}`);
  await atOnce(names, WIDTH, async name => void made.push(await runPod(side, name, containers)));
  return made;
}

/** The memory of each side with so many pods that do nothing, then what it takes to be asked about all of them. */
export async function measureIdle(
  sides: Sides,
  { pods, containers, idleMs }: { readonly pods: number; readonly containers: number; readonly idleMs: number },
): Promise<string> {
  const [ours, peer] = sides.all;
  const two: Sides = { ...sides, all: peer === undefined ? [ours] : [ours, peer] };
  const filled: { readonly side: Side; readonly made: IdlePod[] }[] = [];
  for (const side of two.all) filled.push({ side, made: await fill(side, pods, containers) });
  await setTimeout(idleMs);
  const rows = [...memoryRows(two), ...(await askedRows(two))];
  for (const { side, made } of filled) await atOnce(made, WIDTH, pod => removePod(side, pod));
  const shape = `${pods} pods of ${containers === 1 ? 'one container' : `${containers} containers`}`;
  return peerTable(`Idle: ${shape}, ${idleMs / 1000} s after the last was started`, two, rows);
}

function memoryRows(sides: Sides): PeerRow[] {
  const found = sides.all.map(({ target, daemon, monitors }) => ({
    daemon: pss(target.host, daemon),
    monitors: pss(target.host, monitors),
  }));
  const counts = found.map(({ monitors }) => monitors.processes).join(' and ');
  return [
    {
      what: 'PSS of the daemon and its monitors',
      unit: 'MB',
      values: found.map(each => each.daemon.megabytes + each.monitors.megabytes),
      goal: MEMORY_GOAL,
    },
    { what: '  the daemon', unit: 'MB', values: found.map(each => each.daemon.megabytes) },
    { what: `  monitors or shims (${counts})`, unit: 'MB', values: found.map(each => each.monitors.megabytes) },
  ];
}

async function askedRows(sides: Sides): Promise<PeerRow[]> {
  const calls: readonly (readonly [string, (side: Side) => Promise<unknown>])[] = [
    ['ListPodSandbox', ({ target }) => target.client.listPodSandbox({ filter: undefined })],
    ['ListContainers', ({ target }) => target.client.listContainers({ filter: undefined })],
    ['ListContainerStats', ({ target }) => target.client.listContainerStats({ filter: undefined })],
    ['ListPodSandboxStats', ({ target }) => target.client.listPodSandboxStats({ filter: undefined })],
  ];
  const samples = sides.all.map(() => new Samples());
  for (const [operation, call] of calls)
    for (let number = -1; number < CALLS; number += 1)
      for (const [at, side] of sides.all.entries()) {
        const into = number < 0 ? new Samples() : (samples[at] ?? new Samples());
        await into.time(operation, () => call(side));
      }
  return calls.flatMap(([operation]) => operationRows(operation, samples, GOAL));
}
