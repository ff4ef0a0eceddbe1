import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { httpGet } from '../harness/host.ts';
import { podManifest, startKubelet } from '../harness/kubelet.ts';
import { containerdHost, gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { quantile, type Row, table } from './statistics.ts';

const PODS = 20;
const CONTAINERS = 5;
const CALLS = 40;

/** CPU milliseconds that processes of a host have had whose command line matches; in hundredths of a second as the kernel counts. */
function cpu(target: RuntimeHost, pattern: RegExp): number {
  const proc = target.host.path('/proc');
  let ticks = 0;
  for (const pid of readdirSync(proc).filter(n => /^\d+$/.test(n))) {
    const command = readFileSync(`${proc}/${pid}/cmdline`, 'utf8').split('\0').join(' ');
    if (!pattern.test(command)) continue;
    const fields = readFileSync(`${proc}/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

async function startPods({ client }: RuntimeHost): Promise<void> {
  for (let pod = 0; pod < PODS; pod += 1) {
    const sandboxConfig = podConfig(`stats-${pod}`);
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    for (let number = 0; number < CONTAINERS; number += 1) {
      const config = {
        ...containerConfig(['/bin/sleep', '100000']),
        metadata: { name: `c${number}`, attempt: 0 },
        logPath: `c${number}.log`,
      };
      const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
      await client.startContainer({ containerId });
    }
  }
}

async function removePod(client: RuntimeHost['client'], podSandboxId: string): Promise<void> {
  await client.stopPodSandbox({ podSandboxId });
  await client.removePodSandbox({ podSandboxId });
}

/** Each call's milliseconds at the median, and the CPU that a call costs the runtime with all its helpers. */
async function measure(
  target: RuntimeHost,
  pattern: RegExp,
  call: () => Promise<unknown>,
): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  await call();
  const times: number[] = [];
  const before = cpu(target, pattern);
  for (let number = 0; number < CALLS; number += 1) {
    const started = performance.now();
    await call();
    times.push(performance.now() - started);
    // a client that asks as fast as it can is none that there is
    await setTimeout(20);
  }
  return { ms: quantile(times, 0.5), cpuMs: (cpu(target, pattern) - before) / CALLS };
}

const OURS = /gantry\.mjs run cri/;
const PEER = /containerd/;
const ours = await gantryHost();
const peer = await containerdHost();
try {
  await Promise.all([startPods(ours), startPods(peer)]);
  const rows: Row[] = [];
  for (const [what, call] of [
    ['ListContainerStats', (target: RuntimeHost) => target.client.listContainerStats({ filter: undefined })],
    ['ListPodSandboxStats', (target: RuntimeHost) => target.client.listPodSandboxStats({ filter: undefined })],
  ] as const) {
    const gantry = await measure(ours, OURS, () => call(ours));
    const other = await measure(peer, PEER, () => call(peer));
    rows.push(
      { what: `${what}, p50`, unit: 'ms', gantry: gantry.ms, peer: other.ms },
      { what: `${what}, CPU`, unit: 'ms', gantry: gantry.cpuMs, peer: other.cpuMs },
    );
  }
  console.log(table(`Stats of ${PODS * CONTAINERS} containers in ${PODS} pods: ${CALLS} calls`, 'containerd', rows));
  const metrics56 = await measure(ours, OURS, () => ours.client.listPodSandboxMetrics({}));
  console.log(
    `ListPodSandboxMetrics of the same, which this containerd has not: p50 ${metrics56.ms.toFixed(1)} ms, CPU ${metrics56.cpuMs.toFixed(1)} ms.\n`,
  );

  for (const { id } of (await ours.client.listPodSandbox({ filter: undefined })).items)
    await removePod(ours.client, id);
  const kubelet = await startKubelet(ours);
  const names = Array.from({ length: PODS }, (_, pod) => `kept-${pod}`);
  for (const name of names) {
    const pod = JSON.parse(podManifest(name, 'exec sleep 100000')) as { spec: { containers: object[] } };
    const [container] = pod.spec.containers;
    pod.spec.containers = Array.from({ length: CONTAINERS }, (_, number) => ({ ...container, name: `c${number}` }));
    kubelet.writeManifest(`${name}.yaml`, JSON.stringify(pod));
  }
  for (const name of names) await kubelet.running(name);
  await httpGet(ours.host, 10250, '/metrics');
  const lines = [
    `| GET, ${PODS * CONTAINERS} containers | p50 | CPU, shim | CPU, kubelet |`,
    '| --- | --: | --: | --: |',
  ];
  for (const path of ['/metrics/resource', '/stats/summary', '/metrics/cadvisor']) {
    const kubeletCpu = (): number => cpu(ours, /gantry\.mjs run kubelet/);
    const before = kubeletCpu();
    const { ms, cpuMs } = await measure(ours, OURS, () => httpGet(ours.host, 10250, path));
    const own = (kubeletCpu() - before) / CALLS;
    lines.push(`| ${path} | ${ms.toFixed(0)} ms | ${cpuMs.toFixed(1)} ms | ${own.toFixed(1)} ms |`);
  }
  const metrics = (await httpGet(ours.host, 10250, '/metrics')).body;
  const lag = (quantileText: string): string =>
    new RegExp(`^gantry_event_loop_lag_seconds\\{quantile="${quantileText}"\\} (\\S+)$`, 'm').exec(metrics)?.[1] ?? '?';
  lines.push(
    '',
    `Lag of the kubelet's event loop meanwhile, in seconds: p50 ${lag('0.5')}, p99 ${lag('0.99')}, worst ${lag('1')}.`,
  );
  console.log(lines.join('\n'));
} finally {
  await Promise.all([ours.delete(), peer.delete()]);
}
