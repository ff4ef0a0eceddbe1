import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { hostCpuSeconds } from './cluster-processes.ts';
import { atOnce, operationRows, peerTable, removePod, runPod, Samples, type Side, type Sides } from './cri-sides.ts';

/** Ends as it is asked to, so that StopContainer measures the runtime and not a grace period; a shell, since a plain sleep as process 1 does not heed signals. */
const HEEDFUL = ['/bin/sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'];
const GRACE_SECONDS = 10n;

const POD_START = 'pod start: RunPodSandbox, CreateContainer, StartContainer';
/** Says more than the times on a machine that is busy with other things. */
const CPU = 'CPU of everything in the host, for each pod';
const POD_GOAL = 0.35;
const GOAL = 0.5;
const EXEC_GOAL = 0.7;

/** In the order in which one pod goes through them, which is that of critest's benchmarks; exec is not among those. */
const OPERATIONS: readonly (readonly [string, number])[] = [
  [POD_START, POD_GOAL],
  ['RunPodSandbox', GOAL],
  ['PodSandboxStatus', GOAL],
  ['CreateContainer', GOAL],
  ['StartContainer', GOAL],
  ['ContainerStatus', GOAL],
  ['ExecSync of true', EXEC_GOAL],
  ['StopContainer', GOAL],
  ['RemoveContainer', GOAL],
  ['StopPodSandbox', GOAL],
  ['RemovePodSandbox', GOAL],
];

/** One pod of one container, from nothing to nothing, each call timed. */
async function lifecycle({ target: { client }, handler }: Side, name: string, into: Samples): Promise<void> {
  const sandboxConfig = podConfig(name);
  const begun = performance.now();
  const { podSandboxId } = await into.time('RunPodSandbox', () =>
    client.runPodSandbox({ config: sandboxConfig, runtimeHandler: handler }),
  );
  const sandboxed = performance.now();
  await into.time('PodSandboxStatus', () => client.podSandboxStatus({ podSandboxId, verbose: false }));
  const asked = performance.now();
  const config = containerConfig(HEEDFUL);
  const { containerId } = await into.time('CreateContainer', () =>
    client.createContainer({ podSandboxId, config, sandboxConfig }),
  );
  await into.time('StartContainer', () => client.startContainer({ containerId }));
  into.add(POD_START, performance.now() - begun - (asked - sandboxed));
  await into.time('ContainerStatus', () => client.containerStatus({ containerId, verbose: false }));
  await into.time('ExecSync of true', () => client.execSync({ containerId, cmd: ['/bin/true'], timeout: 10n }));
  await into.time('StopContainer', () => client.stopContainer({ containerId, timeout: GRACE_SECONDS }));
  await into.time('RemoveContainer', () => client.removeContainer({ containerId }));
  await into.time('StopPodSandbox', () => client.stopPodSandbox({ podSandboxId }));
  await into.time('RemovePodSandbox', () => client.removePodSandbox({ podSandboxId }));
}

/** What is loaded and made once (the bridge, the page cache, code that is compiled) is not what is measured. */
export async function warmUp(sides: Sides): Promise<void> {
  for (const side of sides.all)
    for (const name of ['warm-1', 'warm-2']) await removePod(side, await runPod(side, name, 1));
}

/** Rounds of pods on each side in turns, `width` at once. Returns the table. */
export async function measureLifecycle(
  sides: Sides,
  { rounds, pods, width }: { readonly rounds: number; readonly pods: number; readonly width: number },
): Promise<string> {
  const samples = sides.all.map(() => new Samples());
  for (let round = 0; round < rounds; round += 1)
    for (const [at, side] of sides.all.entries()) {
      const names = Array.from({ length: pods }, (_, pod) => `life-${width}-${round}-${pod}-${at}`);
      const into = samples[at] ?? new Samples();
      const before = hostCpuSeconds(side.target.host);
      await atOnce(names, width, name => lifecycle(side, name, into));
      into.add(CPU, ((hostCpuSeconds(side.target.host) - before) * 1000) / pods);
    }
  const how = width === 1 ? 'one after another' : `${width} at once`;
  return peerTable(`Lifecycle, ${how}: ${rounds} rounds of ${pods} pods`, sides, [
    ...OPERATIONS.flatMap(([operation, goal]) => operationRows(operation, samples, goal)),
    { what: CPU, unit: 'ms', values: samples.map(each => each.at(CPU, 0.5)) },
  ]);
}
