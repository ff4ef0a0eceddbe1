// A cluster of one node by `gantry cluster create`: how long until it serves, how long pods take, what it holds and uses: npm run bench -- cluster
import { copyFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { makeRunDirectory, RUN_DIR } from '../harness/run-id.ts';
import { type Creation, measureCreation } from './cluster-create.ts';
import { measurePodStarts, type PodStart } from './cluster-pods.ts';
import { hostCpuSeconds, type Usage, usageByKind } from './cluster-processes.ts';
import { OneNode, PODS as POD_RESOURCE, PodWatch, waitingPod } from './one-node.ts';
import { quantile } from './statistics.ts';

const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3);
const IDLE_MS = Number(process.env['GANTRY_BENCH_IDLE_MS'] ?? 120_000);
/** Before memory is read and CPU time counted: what starting has left is collected, informers have settled. */
const SETTLE_MS = 30_000;
const PODS = 10;
const FEW = 20;
const MANY = 50;

/** Parts by name, with commas between; all of them unless given. */
const ONLY = process.env['GANTRY_BENCH_ONLY']?.split(',');
const isWanted = (part: 'create' | 'pods' | 'memory' | 'idle'): boolean => ONLY?.includes(part) ?? true;

const median = (values: readonly number[]): number => quantile(values, 0.5);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
const goal = (text: string, met: boolean): string => `${text}: ${met ? 'met' : 'missed'}`;

function table(title: string, heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const marks = heads.map((_, i) => (i === 0 || i === heads.length - 1 ? '---' : '--:'));
  console.log([`### ${title}`, '', line(heads), line(marks), ...rows.map(line), ''].join('\n'));
}

async function create(): Promise<void> {
  const rounds: Creation[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measureCreation());
  const row = (what: string, of: (round: Creation) => number, note = ''): readonly string[] => {
    const values = rounds.map(of);
    return [what, seconds(median(values)), seconds(Math.max(...values)), note];
  };
  const dns = median(rounds.map(({ nodeDns, clusterDns }) => Math.max(nodeDns, clusterDns)));
  const cpu = median(rounds.map(({ cpuSeconds }) => cpuSeconds));
  const names = [...new Set(rounds.flatMap(({ phases }) => [...phases.keys()]))];
  table(
    `A cluster of one node, ${ROUNDS} times: from the call of \`gantry cluster create\` on`,
    ['what', 'p50', 'worst', 'goal'],
    [
      row('the node is Ready, and the command ends', each => each.nodeReady),
      row('DNS of the node answers (169.254.20.10)', each => each.nodeDns),
      row(
        'DNS of the cluster answers too (10.96.0.10)',
        each => Math.max(each.nodeDns, each.clusterDns),
        goal('10 s', dns < 10_000),
      ),
      row('the hello Service answers at its node port', each => each.helloAnswers),
      ['CPU of everything in the node until then', `${cpu.toFixed(2)} s`, '', ''],
      ...names.map(name => row(`  ${name}`, ({ phases }) => phases.get(name) ?? 0)),
      row('`gantry cluster delete`', each => each.deleted),
    ],
  );
}

async function pods(): Promise<void> {
  const measured = await measurePodStarts(ROUNDS, FEW, MANY);
  const row = (what: string, values: readonly number[], note = ''): readonly string[] => [
    what,
    `${median(values).toFixed(0)} ms`,
    `${quantile(values, 0.99).toFixed(0)} ms`,
    note,
  ];
  const stages = (starts: readonly PodStart[]): readonly (readonly string[])[] => [
    row(
      '  the create is answered',
      starts.map(({ answered }) => answered),
    ),
    row(
      '  until its node is known',
      starts.map(({ scheduled }) => scheduled),
    ),
    row(
      '  until its sandbox is ready (PodReadyToStartContainers)',
      starts.map(({ sandbox }) => sandbox),
    ),
  ];
  const cpu = (used: ReadonlyMap<string, number>): readonly (readonly string[])[] =>
    [...used].map(([kind, each]) => [`  CPU for each: ${kind}`, `${(each * 1000).toFixed(0)} ms`, '', '']);
  const { oneByOne, atOnce, allReady, gone, cpuOneByOne, cpuAtOnce } = measured;
  const p50 = median(oneByOne.map(({ ready }) => ready));
  const single = oneByOne.map(({ ready }) => ready);
  table(
    `Pods through the API: ${ROUNDS} rounds, from the call of create to Ready as a watch shows it`,
    ['what', 'p50', 'p99', 'goal'],
    [
      row(`${FEW} one by one`, single, goal('p50 0.6 s', p50 < 600)),
      ...stages(oneByOne),
      ...cpu(cpuOneByOne),
      ['  requests of the API server for each', measured.requestsOneByOne.toFixed(1), '', ''],
      row(
        `${MANY} at once, each`,
        atOnce.map(({ ready }) => ready),
      ),
      ...stages(atOnce),
      row('  until the last is Ready', allReady),
      ...cpu(cpuAtOnce),
      ['  requests of the API server for each', measured.requestsAtOnce.toFixed(1), '', ''],
      row('from delete until it is gone, one by one', gone),
    ],
  );
}

/** One cluster with ten pods that do nothing serves both parts. */
async function memoryAndIdle(): Promise<void> {
  const node = new OneNode();
  try {
    await node.create();
    const watch = await PodWatch.begin(node);
    const names = Array.from({ length: PODS }, (_, i) => `idle-${i}`);
    for (const name of names) await node.client(POD_RESOURCE).create(waitingPod(name, { app: 'idle' }));
    await watch.until('ready', names);
    watch.end();
    // a client that is there does not leave the server idle
    node.disconnect();
    await setTimeout(SETTLE_MS);
    if (isWanted('memory')) memory(usageByKind(node.host));
    if (isWanted('idle')) await idle(node);
  } finally {
    await node.delete();
  }
}

function memory(usage: ReadonlyMap<string, Usage>): void {
  const all = [...usage.values()].reduce((sum, { megabytes }) => sum + megabytes, 0);
  const processes = [...usage.values()].reduce((sum, each) => sum + each.processes, 0);
  table(
    `Memory: PSS of one node with ${PODS} pods, ${SETTLE_MS / 1000} s idle`,
    ['what', 'processes', 'PSS', 'goal'],
    [
      ...[...usage]
        .filter(([, each]) => each.processes > 0)
        .map(([kind, each]) => [kind, String(each.processes), `${each.megabytes.toFixed(1)} MB`, '']),
      ['the whole node', String(processes), `${all.toFixed(1)} MB`, goal('300 MB', all < 300)],
    ],
  );
}

async function idle(node: OneNode): Promise<void> {
  const before = usageByKind(node.host);
  const cpuBefore = hostCpuSeconds(node.host);
  const began = performance.now();
  await setTimeout(IDLE_MS);
  const after = usageByKind(node.host);
  const cpu = hostCpuSeconds(node.host) - cpuBefore;
  const wall = (performance.now() - began) / 1000;
  const share = (used: number): string => `${((used / wall) * 100).toFixed(2)} %`;
  table(
    `Idle: CPU of one node with ${PODS} pods over ${(IDLE_MS / 1000).toFixed(0)} s`,
    ['what', 'of a core', 'goal'],
    [
      ...[...after]
        .map(([kind, { cpuSeconds }]): [string, number] => [kind, cpuSeconds - (before.get(kind)?.cpuSeconds ?? 0)])
        .filter(([, used]) => used > 0)
        .map(([kind, used]) => [kind, share(used), '']),
      ['the whole node, as its group counts it', share(cpu), goal('3 %', cpu / wall < 0.03)],
    ],
  );
}

// A program file of the cluster's own: pages are shared by their file, and other programs of Node on the machine take no share of the cluster's then.
makeRunDirectory();
const program = `${RUN_DIR}/node`;
copyFileSync(process.execPath, program);
process.env['GANTRY_NODE'] = program;

if (isWanted('create')) await create();
if (isWanted('pods')) await pods();
if (isWanted('memory') || isWanted('idle')) await memoryAndIdle();
