import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Node, Pod } from '../../src/api/types/gen/core-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { Informers } from '../../src/client/informers.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { NODES, PODS } from '../../src/scheduler/resources.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestScheduler } from '../harness/scheduler.ts';
import { SchedulerWorld } from '../harness/scheduler-world.ts';
import { testNode, testPod } from '../harness/scheduling.ts';

const REQUESTS = { cpu: '10m', memory: '16Mi' };

interface Round {
  readonly nodes: number;
  readonly pods: number;
  readonly what: string;
  readonly spec?: (i: number) => object;
}

const app = (i: number): string => `a${i % 10}`;
const apart = (i: number): object => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: app(i) } } },
      ],
    },
  },
});
const spread = (i: number): object => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: app(i) } },
    },
  ],
});

const ROUNDS: readonly Round[] = [
  { nodes: 100, pods: 1000, what: 'plain' },
  { nodes: 1000, pods: 3000, what: 'plain' },
  { nodes: 5000, pods: 3000, what: 'plain' },
  { nodes: 1000, pods: 1000, what: 'anti-affinity by host', spec: apart },
  { nodes: 1000, pods: 1000, what: 'hard spread by zone', spec: spread },
  { nodes: 5000, pods: 300, what: 'none fits', spec: () => ({ nodeSelector: { no: 'where' } }) },
];

const nodeOf = (i: number): Node => testNode(`n${i}`, { labels: { 'topology.kubernetes.io/zone': `z${i % 3}` } });
const podOf = (i: number, spec: object): Pod => testPod(`p${i}`, { labels: { app: app(i) }, requests: REQUESTS, spec });

/** Pods that are placed in a second of CPU time, without an API server: what else the machine does matters little to it. */
async function decisions({ nodes, pods, spec = () => ({}) }: Round): Promise<number> {
  const world = new SchedulerWorld({ random: Math.random });
  for (let i = 0; i < nodes; i += 1) world.putNode(nodeOf(i));
  for (let i = 0; i < pods; i += 1) world.putPod(podOf(i, spec(i)));
  const began = cpuSeconds();
  await world.work();
  return pods / (cpuSeconds() - began);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Starts a scheduler with a kubeconfig; returns how to end it. */
type StartScheduler = (kubeconfig: string) => Promise<() => Promise<unknown>>;

const ours: StartScheduler = async kubeconfig => {
  const scheduler = await TestScheduler.start(kubeconfig, ['--leader-elect=false']);
  return () => scheduler.stop();
};

/** Another scheduler, for comparison: GANTRY_BENCH_SCHEDULER is its binary, which takes upstream's flags. Without limits of its own on requests. */
const peer = (binary: string): StartScheduler => {
  return async kubeconfig => {
    const config = `${kubeconfig}.config.yaml`;
    const text = [
      'apiVersion: kubescheduler.config.k8s.io/v1',
      'kind: KubeSchedulerConfiguration',
      `clientConnection: {kubeconfig: ${kubeconfig}, qps: 10000, burst: 10000}`,
      'leaderElection: {leaderElect: false}',
    ].join('\n');
    writeFileSync(config, text);
    const child = spawn(binary, [`--config=${config}`, '--secure-port=0'], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    return () => {
      child.kill('SIGKILL');
      return exited;
    };
  };
};

/** Pods a second from the first binding to the last, by the built commands and etcd in memory. */
async function bindings(nodes: number, pods: number, start: StartScheduler): Promise<number> {
  const server = await TestApiServer.start();
  const stop = new AbortController();
  const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
  const connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-bench' });
  const client = new ResourceClient<Node>(connection, NODES);
  const podClient = new ResourceClient<Pod>(connection, PODS);
  const accounts = new ResourceClient(connection, { group: '', version: 'v1', plural: 'serviceaccounts' });
  let end = async (): Promise<unknown> => undefined;
  let bound = 0;
  let first = 0;
  let last = 0;
  const informers = new Informers(connection, { onTrouble: () => {} });
  informers.of<Pod>(PODS).onChange(({ before, after }) => {
    if (after?.spec.nodeName === undefined || before?.spec.nodeName !== undefined) return;
    last = performance.now();
    if (bound === 0) first = last;
    bound += 1;
  });
  const informing = informers.run(stop.signal, () => {});
  try {
    await accounts.create({ metadata: { name: 'default', namespace: 'default' } });
    for (let i = 0; i < nodes; i += 1) {
      const { metadata, status } = nodeOf(i);
      const { name = '' } = metadata;
      await client.create({ metadata: { name, labels: metadata.labels } } as unknown as Node);
      await client.patch({ namespace: '', name, subresource: 'status' }, 'merge', { status });
      await client.patch({ namespace: '', name }, 'merge', { spec: { taints: null } });
    }
    for (let i = 0; i < pods; i += 20)
      await Promise.all(
        Array.from({ length: 20 }, (_, k) => {
          const { spec } = podOf(i + k, {});
          return podClient.create({ metadata: { name: `p${i + k}`, namespace: 'default' }, spec } as unknown as Pod);
        }),
      );
    end = await start(server.kubeconfigFor('system:kube-scheduler', []));
    while (bound < pods) await setTimeout(10);
    return ((pods - 1) / (last - first)) * 1000;
  } finally {
    await end();
    stop.abort();
    await informing;
    connection.close();
    await server.remove();
  }
}

const lines = ['### Scheduler: pods a second', '', '| what | nodes | pods | pods |', '| --- | --: | --: | --: |'];
await decisions({ nodes: 100, pods: 1000, what: 'to warm up' });
for (const round of ROUNDS)
  lines.push(
    `| decisions, ${round.what} | ${round.nodes} | ${round.pods} | ${Math.round(await decisions(round))} in a second of CPU time |`,
  );
const binary = process.env['GANTRY_BENCH_SCHEDULER'];
const schedulers: readonly (readonly [name: string, start: StartScheduler])[] = [
  ['gantry run scheduler', ours],
  ...(binary === undefined ? [] : [['kube-scheduler', peer(binary)] as const]),
];
for (const [name, start] of schedulers)
  lines.push(
    `| bound through the API server by ${name} | 100 | 1000 | ${Math.round(await bindings(100, 1000, start))} in a second |`,
  );
console.log(lines.join('\n'));
