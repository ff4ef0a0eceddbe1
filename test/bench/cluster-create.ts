import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseAllDocuments } from 'yaml';
import type { Pod, Service } from '../../src/api/types/gen/core-v1.ts';
import type { ApiObject } from '../../src/client/api-object.ts';
import { inNetns } from '../../src/linux/netns.ts';
import { PROJECT } from '../harness/gantry-command.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCpuSeconds } from './cluster-processes.ts';
import { Laps } from './laps.ts';
import { NAMESPACE, OneNode, PODS } from './one-node.ts';

/** Where pods ask on every node, and the address of the cluster's DNS Service. */
const NODE_DNS = '169.254.20.10';
const CLUSTER_DNS = '10.96.0.10';
const DEPLOYMENTS = { group: 'apps', version: 'v1', plural: 'deployments' } as const;
const SERVICES = { group: '', version: 'v1', plural: 'services' } as const;

export interface Creation {
  /** How long each phase took, in their order, in ms. */
  readonly phases: ReadonlyMap<string, number>;
  /** From the call of `cluster create` on, in ms. */
  readonly nodeReady: number;
  readonly nodeDns: number;
  readonly clusterDns: number;
  readonly helloAnswers: number;
  /** Of everything in the host until then. */
  readonly cpuSeconds: number;
  readonly deleted: number;
}

/** Makes a cluster and runs examples/hello in it, as a user would; deletes it. */
export async function measureCreation(): Promise<Creation> {
  const node = new OneNode();
  const laps = new CreateLaps();
  try {
    const { child, exited, seen } = node.cluster.start(['create', `--kubeconfig=${node.cluster.kubeconfig}`]);
    const dns = new Map<string, number>();
    let asking: Promise<void> | undefined;
    if (child.stdout === null) throw new Error('the command has no output');
    createInterface({ input: child.stdout }).on('line', line => {
      laps.line(line);
      if (line.startsWith('Starting the control plane')) asking ??= askNames(node, dns, laps.began);
    });
    if ((await exited()) !== 0) throw new Error(`cluster create failed: ${seen()}`);
    laps.begin('load the image');
    const nodeReady = laps.elapsed();
    await node.loadImage();
    laps.begin('apply the Deployment and the Service');
    const port = await applyHello(node);
    laps.begin('until its 3 pods are ready');
    await allReady(node, 3);
    laps.begin('until the node port answers');
    await answers(`http://${await addressOf(node)}:${port}`);
    laps.end();
    const helloAnswers = laps.elapsed();
    await asking;
    const cpuSeconds = hostCpuSeconds(node.host);
    const before = performance.now();
    await node.delete();
    return {
      phases: laps.taken,
      nodeReady,
      nodeDns: dns.get(NODE_DNS) ?? Number.NaN,
      clusterDns: dns.get(CLUSTER_DNS) ?? Number.NaN,
      helloAnswers,
      cpuSeconds,
      deleted: performance.now() - before,
    };
  } finally {
    await node.delete();
  }
}

class CreateLaps extends Laps {
  constructor() {
    super('start of the command, network and host');
  }

  /** A line of `cluster create`: those of `init` name their phase. */
  line(line: string): void {
    const [, phase] = /^ {2}\[([a-z-]+)\]/.exec(line) ?? [];
    if (phase !== undefined) this.begin(phase === 'init' ? 'preflight' : phase);
    else if (line.startsWith('Starting the control plane')) this.begin('start of init in the host');
    else if (line.startsWith('Wrote the context')) this.begin('until the node is Ready');
  }
}

/** Asks the node's name servers from its namespace; resolves when both have answered. */
async function askNames(node: OneNode, found: Map<string, number>, began: number): Promise<void> {
  const args = ['kubernetes.default.svc.cluster.local', '10.96.0.1', NODE_DNS, CLUSTER_DNS];
  const child = inNetns(`/proc/${node.host.pid1.pid}/ns/net`, () =>
    spawn(process.execPath, [`${PROJECT}/test/bench/dns-prober.mjs`, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  // a cluster that never answers does not hold the benchmark
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  createInterface({ input: child.stdout }).on('line', line => {
    const [server = '', at] = line.split(' ');
    found.set(server, Number(at) - performance.timeOrigin - began);
  });
  await once(child, 'close');
  clearTimeout(timer);
}

/** Creates what examples/hello holds; the service's node port. */
async function applyHello(node: OneNode): Promise<number> {
  const [deployment, service] = parseAllDocuments(readFileSync(`${PROJECT}/examples/hello/hello.yaml`, 'utf8')).map(
    each => each.toJS() as ApiObject,
  );
  const inNamespace = (object: ApiObject | undefined): ApiObject => {
    if (object === undefined) throw new Error('examples/hello/hello.yaml holds a Deployment and a Service');
    return { ...object, metadata: { ...object.metadata, namespace: NAMESPACE } };
  };
  await node.client(DEPLOYMENTS).create(inNamespace(deployment));
  const created = (await node.client(SERVICES).create(inNamespace(service))) as Service;
  return created.spec?.ports?.[0]?.nodePort ?? 0;
}

async function allReady(node: OneNode, count: number): Promise<void> {
  await waitFor(
    `${count} ready pods`,
    async saw => {
      const { items } = await node.client<Pod>(PODS).list(NAMESPACE);
      saw(items.map(({ status }) => status?.conditions));
      const isReady = ({ status }: Pod): boolean =>
        status?.conditions?.some(each => each.type === 'Ready' && each.status === 'True') === true;
      return items.filter(isReady).length === count;
    },
    { timeoutMs: 120_000, pauseMs: 20 },
  );
}

async function addressOf(node: OneNode): Promise<string> {
  const { items } = await node.client({ group: '', version: 'v1', plural: 'nodes' }).list('');
  const { status } = items[0] as { status?: { addresses?: readonly { type: string; address: string }[] } };
  return status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
}

async function answers(url: string): Promise<void> {
  await waitFor(`an answer at ${url}`, async () => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    return (await answer.text()).startsWith('hello from ');
  });
}
