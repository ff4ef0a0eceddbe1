import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { newestKubectl } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';
import { NAMESPACE, OneNode, PODS, waitingPod } from './one-node.ts';

export interface KubectlStreams {
  /** Milliseconds of whole commands. */
  readonly get: readonly number[];
  readonly exec: readonly number[];
  /** Milliseconds from the command, or the connection, to the last byte. */
  readonly out: readonly number[];
  readonly into: readonly number[];
  readonly forwarded: readonly number[];
}

const POD = 'streams';
const PORT = 8080;
const COMMANDS = 20;

/**
 * The whole way: kubectl, API server, kubelet and shim of a cluster of one node, with TLS on the first two hops. `megabytes` out of and into a container by
 * exec, and out of a pod by port-forward, once a round.
 */
export async function measureByKubectl(rounds: number, megabytes: number): Promise<KubectlStreams> {
  const node = new OneNode();
  const zeros = ['if=/dev/zero', 'bs=64k', `count=${megabytes * 16}`];
  const kubectl = (...args: string[]): ChildProcess => begin(node, args);
  try {
    await node.create();
    const pods = node.client<Pod>(PODS);
    const pod = waitingPod(POD, {});
    const [main] = pod.spec.containers;
    const serve = ['nc', '-ll', '-p', String(PORT), '-e', 'dd', ...zeros];
    await pods.create({ ...pod, spec: { ...pod.spec, containers: [{ ...main, command: serve } as typeof main & {}] } });
    await waitFor('the pod to be ready', async () =>
      ((await pods.get(NAMESPACE, POD)) as Pod).status?.conditions?.some(
        c => c.type === 'Ready' && c.status === 'True',
      ),
    );
    const of = {
      get: [] as number[],
      exec: [] as number[],
      out: [] as number[],
      into: [] as number[],
      forwarded: [] as number[],
    };
    for (let round = 0; round < rounds; round += 1) {
      for (let n = 0; n < COMMANDS; n += 1) {
        of.get.push(await timed(() => success(kubectl('get', 'pod', POD))));
        of.exec.push(await timed(() => success(kubectl('exec', POD, '--', 'true'))));
      }
      of.out.push(await timed(() => received(kubectl('exec', POD, '--', 'dd', ...zeros), megabytes)));
      of.into.push(
        await timed(() => sent(kubectl('exec', '-i', POD, '--', 'dd', 'of=/dev/null', 'bs=64k'), megabytes)),
      );
      of.forwarded.push(await forward(kubectl, megabytes));
    }
    return of;
  } finally {
    await node.delete();
  }
}

function begin(node: OneNode, args: readonly string[]): ChildProcess {
  const program = newestKubectl();
  if ('missing' in program) throw new Error(program.missing);
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };
  return spawn(program.path, [`--kubeconfig=${node.cluster.kubeconfig}`, ...args], { env, stdio: 'pipe' });
}

async function timed(what: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await what();
  return performance.now() - begun;
}

async function success(child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.on('data', piece => {
    said += String(piece);
  });
  child.stdout?.resume();
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`kubectl ended with ${code}: ${said}`);
}

async function received(child: ChildProcess, megabytes: number): Promise<void> {
  const bytes = bytesOf(child.stdout as Readable);
  await success(child);
  await expectAll(bytes, megabytes);
}

async function sent(child: ChildProcess, megabytes: number): Promise<void> {
  const piece = Buffer.alloc(1 << 20);
  const ended = success(child);
  for (let n = 0; n < megabytes; n += 1) if (child.stdin?.write(piece) === false) await once(child.stdin, 'drain');
  child.stdin?.end();
  await ended;
}

async function forward(kubectl: (...args: string[]) => ChildProcess, megabytes: number): Promise<number> {
  const child = kubectl('port-forward', `pod/${POD}`, `:${PORT}`);
  const over = once(child, 'close');
  try {
    let said = '';
    child.stdout?.on('data', piece => {
      said += String(piece);
    });
    const port = await waitFor('kubectl to listen', () => /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1]);
    const begun = performance.now();
    await expectAll(bytesOf(connect(Number(port), '127.0.0.1')), megabytes);
    return performance.now() - begun;
  } finally {
    child.kill();
    await over;
  }
}

async function bytesOf(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const piece of stream) bytes += (piece as Buffer).length;
  return bytes;
}

async function expectAll(bytes: Promise<number>, megabytes: number): Promise<void> {
  if ((await bytes) !== megabytes << 20) throw new Error(`${await bytes} bytes came instead of ${megabytes << 20}`);
}
