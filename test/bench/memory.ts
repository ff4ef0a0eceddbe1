import { setTimeout } from 'node:timers/promises';
import { type KubeletHost, podManifest, startKubelet, WAIT } from '../harness/kubelet.ts';
import { pss } from '../harness/pss.ts';
import { containerdHost, gantryHost } from '../harness/runtime-host.ts';

/** Enough that what each pod costs shows beside what the daemons cost. */
const PODS = 22;
/** Long enough for a garbage collection that an idle heap asks for, and for relists to have come and gone. */
const IDLE_MS = Number(process.env['GANTRY_BENCH_IDLE_MS'] ?? 30_000);

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
  const cri = pss(ours.host, /gantry\.mjs run cri/);
  const kubelet = pss(ours.host, /gantry\.mjs run kubelet/);
  const monitors = pss(ours.host, /^\S*conmon /);
  const containerd = pss(peer.host, /^containerd( |$)/);
  const shims = pss(peer.host, /^\S*containerd-shim/);
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
