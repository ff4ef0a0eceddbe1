import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { type KubeletHost, podManifest, startKubelet, WAIT } from '../harness/kubelet.ts';
import { containerdHost, gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';

/** Enough that what each pod costs shows beside what the daemons cost. */
const PODS = 22;
/** Long enough for a garbage collection that an idle heap asks for, and for relists to have come and gone. */
const IDLE_MS = Number(process.env['GANTRY_BENCH_IDLE_MS'] ?? 30_000);

/** PSS in MB of the processes whose command line matches, and how many they are: shared pages count by their share. */
function pss(target: RuntimeHost, pattern: RegExp): { megabytes: number; processes: number } {
  const proc = target.host.path('/proc');
  let kilobytes = 0;
  let processes = 0;
  for (const pid of readdirSync(proc).filter(n => /^\d+$/.test(n))) {
    const command = readFileSync(`${proc}/${pid}/cmdline`, 'utf8').split('\0').join(' ');
    if (!pattern.test(command)) continue;
    const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`${proc}/${pid}/smaps_rollup`, 'utf8'));
    kilobytes += Number(match?.[1] ?? 0);
    processes += 1;
  }
  return { megabytes: kilobytes / 1024, processes };
}

async function startPods(kubelet: KubeletHost): Promise<void> {
  const names = Array.from({ length: PODS }, (_, i) => `idle-${i}`);
  for (const name of names) kubelet.writeManifest(`${name}.yaml`, podManifest(name, WAIT));
  for (const name of names) await kubelet.running(name);
}

const ours = await gantryHost();
const peer = await containerdHost();
try {
  const kubelets = await Promise.all([startKubelet(ours), startKubelet(peer)]);
  for (const kubelet of kubelets) await startPods(kubelet);
  await setTimeout(IDLE_MS);
  const cri = pss(ours, /gantry\.mjs run cri/);
  const kubelet = pss(ours, /gantry\.mjs run kubelet/);
  const monitors = pss(ours, /^\S*conmon /);
  const containerd = pss(peer, /^containerd( |$)/);
  const shims = pss(peer, /^\S*containerd-shim/);
  const line = (what: string, value: { megabytes: number; processes: number }, note = ''): string =>
    `| ${what} | ${value.processes} | ${value.megabytes.toFixed(1)} MB | ${note} |`;
  const together = cri.megabytes + kubelet.megabytes;
  console.log(
    [
      `### Memory: PSS with ${PODS} pods, ${IDLE_MS / 1000} s idle`,
      '',
      '| what | processes | PSS | goal |',
      '| --- | --: | --: | --- |',
      line('gantry run cri', cri),
      line('gantry run kubelet', kubelet),
      line(
        'shim + kubelet together',
        { megabytes: together, processes: 2 },
        `under 110 MB: ${together < 110 ? 'met' : 'missed'}`,
      ),
      line('conmon', monitors),
      line('containerd', containerd),
      line('containerd-shim', shims),
      '',
      `The runtime's side: ${(cri.megabytes + monitors.megabytes).toFixed(1)} MB beside ${(containerd.megabytes + shims.megabytes).toFixed(1)} MB, ${((cri.megabytes + monitors.megabytes) / (containerd.megabytes + shims.megabytes)).toFixed(2)}x.`,
      '',
    ].join('\n'),
  );
} finally {
  await ours.delete();
  await peer.delete();
}
