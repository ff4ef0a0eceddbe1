import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { ExecRequest, PortForwardRequest } from '../../src/rpc/cri-api.ts';
import { hashOf } from '../harness/bytes.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { pss } from '../harness/pss.ts';
import { containerdHost, gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { type ClientCommand, openCommand, openPortForward, type WantedOfClient } from '../harness/stream-client.ts';
import { quantile, type Row, table } from './statistics.ts';
import { measureByKubectl } from './streams-by-kubectl.ts';

/** Per round and runtime. */
const EXECS = 50;
const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3);
/** The figure is 1024. */
const MEGABYTES = Number(process.env['GANTRY_BENCH_STREAM_MB'] ?? 256);
const ZEROS = ['if=/dev/zero', 'bs=64k', `count=${MEGABYTES * 16}`];
const IDLE_STREAMS = 100;
/** How long streams are opened and ended for, to see whether the runtime grows. The figure is 10. */
const MINUTES = Number(process.env['GANTRY_BENCH_MINUTES'] ?? 0.5);
const SETTLE_MS = 5_000;
/** Parts by name, with commas between; both unless given. */
const ONLY = process.env['GANTRY_BENCH_ONLY']?.split(',');
const isWanted = (part: 'runtime' | 'kubectl'): boolean => ONLY?.includes(part) ?? true;

/** On which the pod sends as many zeros to whoever connects. */
const PORT = 8080;

interface Target {
  readonly runtime: RuntimeHost;
  readonly podSandboxId: string;
  readonly containerId: string;
  /** The runtime's own processes, with those that it keeps for streams; monitors and shims are there without any stream. */
  readonly processes: RegExp;
}

async function target(runtime: RuntimeHost, processes: RegExp): Promise<Target> {
  const { client } = runtime;
  const sandboxConfig = podConfig('streams');
  const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
  const serve = ['/bin/nc', '-ll', '-p', String(PORT), '-e', '/bin/dd', ...ZEROS];
  const { containerId } = await client.createContainer({ podSandboxId, config: containerConfig(serve), sandboxConfig });
  await client.startContainer({ containerId });
  return { runtime, podSandboxId, containerId, processes };
}

async function exec(of: Target, cmd: readonly string[], wanted: WantedOfClient): Promise<ClientCommand> {
  const request = ExecRequest.fromPartial({ containerId: of.containerId, cmd: [...cmd], ...wanted });
  const { url } = await of.runtime.client.exec(request);
  return openCommand(`/proc/${of.runtime.host.pid1.pid}/ns/net`, url, wanted);
}

/** containerd may reset the stream that tells the end in the same moment, and then nothing of it is left to be read: what counts here is that it is over. */
const ended = (command: ClientCommand): Promise<unknown> => command.end.catch(() => undefined);

/** Milliseconds from the call to the end of the stream. */
async function roundTrip(of: Target): Promise<number> {
  const begun = performance.now();
  const command = await exec(of, ['/bin/true'], { stdout: true, stderr: true });
  command.stdout.resume();
  command.stderr.resume();
  await ended(command);
  return performance.now() - begun;
}

/** Milliseconds that so many bytes take out of the container. */
async function out(of: Target): Promise<number> {
  const begun = performance.now();
  const command = await exec(of, ['/bin/dd', ...ZEROS], { stdout: true });
  const { bytes } = await counted(command);
  // containerd 1.6 closes the connection before the last megabytes were sent to a client that is slower (seen)
  if (of.runtime.runtime === 'gantry' && bytes !== MEGABYTES << 20) throw new Error(`${bytes} bytes came`);
  return performance.now() - begun;
}

/** Milliseconds that so many bytes take out of a port of the pod. */
async function forwarded(of: Target): Promise<number> {
  const { client, host, runtime } = of.runtime;
  const request = PortForwardRequest.fromPartial({ podSandboxId: of.podSandboxId, port: [PORT] });
  const { url } = await client.portForward(request);
  const forward = await openPortForward(`/proc/${host.pid1.pid}/ns/net`, url);
  const begun = performance.now();
  const { data } = await forward.connect(PORT);
  let bytes = 0;
  data.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await lastOf(data);
  const ms = performance.now() - begun;
  forward.cut();
  if (runtime === 'gantry' && bytes !== MEGABYTES << 20) throw new Error(`${bytes} bytes came`);
  return ms;
}

function lastOf(stream: Readable): Promise<void> {
  return new Promise(resolve => {
    for (const last of ['end', 'close']) stream.once(last, () => resolve());
  });
}

/** To the end of the output, before anybody looks for that of the command. */
async function counted(command: ClientCommand): Promise<{ bytes: number }> {
  let bytes = 0;
  command.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await lastOf(command.stdout);
  await ended(command);
  return { bytes };
}

/** PSS of the runtime with so many streams that do nothing, less what it has without. */
async function idle(of: Target): Promise<number> {
  const size = (): number => pss(of.runtime.host, of.processes).megabytes;
  await setTimeout(SETTLE_MS);
  const before = size();
  const commands: ClientCommand[] = [];
  for (let i = 0; i < IDLE_STREAMS; i += 1) commands.push(await exec(of, ['/bin/cat'], { stdin: true, stdout: true }));
  await setTimeout(SETTLE_MS);
  const grown = size() - before;
  for (const command of commands) command.stdin.end();
  await Promise.all(commands.map(command => hashOf(command.stdout)));
  return grown;
}

/** PSS of the runtime after so many minutes of streams that come and go, less that after the first tenth of them. */
async function growth(of: Target): Promise<{ megabytes: number; streams: number }> {
  const begun = performance.now();
  const until = begun + MINUTES * 60_000;
  let early: number | undefined;
  let streams = 0;
  while (performance.now() < until) {
    await Promise.all(Array.from({ length: 4 }, () => roundTrip(of)));
    streams += 4;
    if (early === undefined && performance.now() > begun + MINUTES * 6_000)
      early = pss(of.runtime.host, of.processes).megabytes;
  }
  await setTimeout(SETTLE_MS);
  return { megabytes: pss(of.runtime.host, of.processes).megabytes - (early ?? 0), streams };
}

/** Our shim beside containerd, by the CRI. */
async function byRuntime(): Promise<void> {
  const ours = await gantryHost();
  const peer = await containerdHost();
  try {
    const gantry = await target(ours, /gantry\.mjs run cri|^\S*(crun|runc) /);
    const containerd = await target(peer, /^containerd( |$)|^\S*containerd-shim|^\S*runc /);
    const both = [gantry, containerd] as const;
    for (const each of both) await roundTrip(each);
    const trips: [number[], number[]] = [[], []];
    const outs: [number[], number[]] = [[], []];
    const forwards: [number[], number[]] = [[], []];
    for (let r = 0; r < ROUNDS; r += 1) {
      for (const [i, each] of both.entries()) {
        for (let n = 0; n < EXECS; n += 1) trips[i]?.push(await roundTrip(each));
        outs[i]?.push(await out(each));
        forwards[i]?.push(await forwarded(each));
      }
    }
    const row = (what: string, of: [number[], number[]], share: number, goal?: number): Row => ({
      what: `${what}, p${share * 100}`,
      unit: 'ms',
      gantry: quantile(of[0], share),
      peer: quantile(of[1], share),
      ...(goal === undefined ? {} : { goal }),
    });
    const idles = [await idle(gantry), await idle(containerd)] as const;
    console.log(
      table(`Streams: ${ROUNDS} rounds of ${EXECS} execs, by the CRI and SPDY`, 'containerd', [
        row('exec of true, from the call to the end of its stream', trips, 0.5, 0.7),
        row('exec of true, from the call to the end of its stream', trips, 0.99),
        row(`${MEGABYTES} MB out of a container by exec`, outs, 0.5),
        row(`${MEGABYTES} MB out of a pod by port-forward`, forwards, 0.5),
        { what: `PSS of ${IDLE_STREAMS} idle streams`, unit: 'MB', gantry: idles[0], peer: idles[1] },
      ]),
    );
    const perSecond = (ms: readonly number[]): string => (MEGABYTES / (quantile(ms, 0.5) / 1000)).toFixed(0);
    console.log(
      `Ours: ${perSecond(outs[0])} MB/s by exec, ${perSecond(forwards[0])} MB/s by port-forward (goal: 200).\n`,
    );
    const grown = await growth(gantry);
    console.log(
      `${grown.streams} execs in ${MINUTES} minutes, four at a time: the shim's PSS grew by ${grown.megabytes.toFixed(1)} MB after the first tenth of them.\n`,
    );
  } finally {
    await ours.delete();
    await peer.delete();
  }
}

/** A whole cluster by kubectl: what a person has of it. */
async function byKubectl(): Promise<void> {
  const { get, exec, out: outs, into, forwarded: forwards } = await measureByKubectl(ROUNDS, MEGABYTES);
  const rate = (ms: readonly number[]): string => `${(MEGABYTES / (quantile(ms, 0.5) / 1000)).toFixed(0)} MB/s`;
  console.log(
    [
      `### Streams by kubectl, through the API server, the kubelet and the shim: ${ROUNDS} rounds`,
      '',
      '| what | p50 |',
      '| --- | --: |',
      `| kubectl get of a pod, for comparison | ${quantile(get, 0.5).toFixed(0)} ms |`,
      `| kubectl exec of true | ${quantile(exec, 0.5).toFixed(0)} ms |`,
      `| ${MEGABYTES} MB out of a container by exec | ${rate(outs)} |`,
      `| ${MEGABYTES} MB into a container by exec -i | ${rate(into)} |`,
      `| ${MEGABYTES} MB out of a pod by port-forward, the port on loopback | ${rate(forwards)} |`,
      '',
    ].join('\n'),
  );
}

if (isWanted('kubectl')) await byKubectl();
if (isWanted('runtime')) await byRuntime();
