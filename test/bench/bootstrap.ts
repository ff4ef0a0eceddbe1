// How long a node takes to be made, to come back after its daemons were killed, and to be taken away again, phase by phase: npm run bench -- bootstrap
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { type Host, openHost } from '../../src/local-cluster/host/host.ts';
import { hostsDirOf } from '../../src/local-cluster/record.ts';
import { CLUSTERS_DIR } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { waitFor } from '../harness/wait-for.ts';
import { PhaseLaps } from './laps.ts';
import { OneNode, PODS, PodWatch, waitingPod } from './one-node.ts';
import { quantile } from './statistics.ts';

const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3);
const MANY = Number(process.env['GANTRY_BENCH_PODS'] ?? 30);

/** What each phase took, by the name of what was measured (`init`, `reset of a worker`, …), in order. */
type Round = ReadonlyMap<string, PhaseLaps>;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** A cluster of two nodes, by its own command, whose lines tell the phases of init and join. */
async function create(node: OneNode): Promise<ReadonlyMap<string, PhaseLaps>> {
  const init = new PhaseLaps('start of the command');
  const join = new PhaseLaps('start of the command');
  const { child, exited, seen } = node.cluster.start([
    'create',
    '--nodes=2',
    `--kubeconfig=${node.cluster.kubeconfig}`,
  ]);
  if (child.stdout === null) throw new Error('the command has no output');
  let laps: PhaseLaps | undefined;
  createInterface({ input: child.stdout }).on('line', line => {
    if (line.startsWith('Starting the control plane')) laps = init.start();
    if (line.startsWith('Joining')) {
      init.end();
      laps = join.start();
    }
    if (line.startsWith('Wrote the context')) laps?.begin('until all nodes are Ready');
    laps?.line(line.trim());
  });
  const code = await exited();
  if (code !== 0) throw new Error(`cluster create ended with ${code}: ${seen()}`);
  laps?.end();
  return new Map([
    ['init', init],
    ['join', join],
  ]);
}

/** Runs a command of ours in a host; its lines tell the phases. */
async function timed(host: Host, words: readonly string[]): Promise<PhaseLaps> {
  const laps = new PhaseLaps('start of the command').start();
  const [file = '', ...args] = host.enter(gantryCommand(...words));
  const child = spawn(file, args, { env: host.environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', line => {
      said += `${line}\n`;
      laps.line(line);
    });
  const code = await new Promise<number | null>(resolve => child.once('close', resolve));
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${said}`);
  laps.end();
  return laps;
}

/** From SIGKILL to the whole service again. */
async function restart(host: Host, name: string, isBack: () => Promise<boolean>): Promise<number> {
  const service = host.service(name);
  const before = service.pid();
  const began = performance.now();
  service.signal('KILL');
  await waitFor(`${name} to be back`, async () => service.pid() !== before && (await isBack()), { pauseMs: 10 });
  return performance.now() - began;
}

async function round(): Promise<{ readonly laps: Round; readonly restarts: ReadonlyMap<string, number> }> {
  const node = new OneNode();
  try {
    const laps = new Map(await create(node));
    const worker = openHost(`${node.cluster.name}-worker`, hostsDirOf(node.cluster.name, CLUSTERS_DIR));
    const control = node.host;
    await node.loadImage();
    const watch = await PodWatch.begin(node);
    const names = Array.from({ length: MANY }, (_, i) => `reset-${i}`);
    await waitFor('the account of the namespace', () =>
      node.client({ group: '', version: 'v1', plural: 'serviceaccounts' }).get('default', 'default'),
    );
    for (const name of names) {
      const pod = waitingPod(name, { app: 'reset' });
      await node.client<Pod>(PODS).create({ ...pod, spec: { ...pod.spec, nodeName: worker.name } });
    }
    await watch.until('ready', names);
    watch.end();
    const answers = async (host: Host, argv: readonly string[]): Promise<boolean> => (await host.exec(argv)).code === 0;
    const ready = async (): Promise<boolean> =>
      (await node.connection.call({ method: 'GET', path: '/readyz', timeoutMs: 1000 })).status === 200;
    const restarts = new Map<string, number>();
    const healthz = ['curl', '-sf', '--max-time', '1', 'http://127.0.0.1:10248/healthz'];
    restarts.set(
      'gantry-node, until /healthz of the kubelet',
      await restart(worker, 'gantry-node', () => answers(worker, healthz)),
    );
    restarts.set(
      'gantry-cri, until it lists images',
      await restart(worker, 'gantry-cri', () => answers(worker, gantryCommand('image', 'ls'))),
    );
    restarts.set('gantry-control-plane, until /readyz', await restart(control, 'gantry-control-plane', ready));
    restarts.set('gantry-etcd, until /readyz', await restart(control, 'gantry-etcd', ready));
    node.disconnect();
    laps.set(`reset of the worker with ${MANY} pods`, await timed(worker, ['reset', '--force']));
    laps.set('reset of the control plane', await timed(control, ['reset', '--force']));
    return { laps, restarts };
  } finally {
    await node.delete();
  }
}

const GOALS: Readonly<Record<string, number>> = {
  init: 10_000,
  join: 4000,
  [`reset of the worker with ${MANY} pods`]: 8000,
};

function table(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const marks = heads.map((_, i) => (i === 0 || i === heads.length - 1 ? '---' : '--:'));
  console.log([line(heads), line(marks), ...rows.map(line), ''].join('\n'));
}

const rounds: Awaited<ReturnType<typeof round>>[] = [];
for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round());
const row = (what: string, values: readonly number[], goal = ''): readonly string[] => [
  what,
  seconds(quantile(values, 0.5)),
  seconds(Math.max(...values)),
  goal,
];
console.log(`### A node made, killed and taken away, ${ROUNDS} times\n`);
table(
  ['what', 'p50', 'worst', 'goal'],
  [...(rounds[0]?.laps.keys() ?? [])].flatMap(name => {
    const all = rounds.flatMap(({ laps }) => laps.get(name) ?? []);
    const totals = all.map(laps => laps.total);
    const goal = GOALS[name];
    const met = goal === undefined ? '' : `${goal / 1000} s: ${quantile(totals, 0.5) < goal ? 'met' : 'missed'}`;
    const phases = [...new Set(all.flatMap(laps => [...laps.taken.keys()]))];
    return [
      row(name, totals, met),
      ...phases.map(phase =>
        row(
          `  ${phase}`,
          all.map(laps => laps.taken.get(phase) ?? 0),
        ),
      ),
    ];
  }),
);
console.log('### From kill -9 of a daemon until it serves again\n');
table(
  ['what', 'p50', 'worst', ''],
  [...(rounds[0]?.restarts.keys() ?? [])].map(name =>
    row(
      name,
      rounds.map(({ restarts }) => restarts.get(name) ?? Number.NaN),
    ),
  ),
);
