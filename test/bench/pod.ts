import { type CriPod, removeCriPod, runCriPod } from '../harness/cri-pod.ts';
import { containerdHost, gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { quantile, type Row, table } from './statistics.ts';

/** Pods per round; the figure. */
const PODS = 20;
const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3);

interface Figures {
  readonly pods: CriPod[];
  readonly atOnce: number[];
  readonly atOncePod: number[];
  readonly removals: number[];
}

const figures = (): Figures => ({ pods: [], atOnce: [], atOncePod: [], removals: [] });

/** One round on one runtime: one after another, then all at once, then stop and remove one by one. */
async function round(target: RuntimeHost, tag: string, into: Figures): Promise<void> {
  const pods: CriPod[] = [];
  for (let i = 0; i < PODS; i += 1) pods.push(await runCriPod(target.client, `seq-${tag}-${i}`));
  into.pods.push(...pods);
  const begun = performance.now();
  const together = await Promise.all(
    Array.from({ length: PODS }, (_, i) => runCriPod(target.client, `all-${tag}-${i}`)),
  );
  into.atOnce.push(performance.now() - begun);
  into.atOncePod.push(...together.map(p => p.times.total));
  for (const pod of [...pods, ...together]) into.removals.push(await removeCriPod(target.client, pod));
}

const ours = await gantryHost();
const peer = await containerdHost();
try {
  // what is loaded and made once (the bridge, the page cache) is not what is measured
  for (const target of [ours, peer]) await removeCriPod(target.client, await runCriPod(target.client, 'warm'));
  const gantry = figures();
  const containerd = figures();
  for (let r = 0; r < ROUNDS; r += 1) {
    await round(ours, String(r), gantry);
    await round(peer, String(r), containerd);
  }
  const row = (what: string, pick: (f: Figures) => number[], share: number, goal?: number): Row => ({
    what: `${what}, p${share * 100}`,
    unit: 'ms',
    gantry: quantile(pick(gantry), share),
    peer: quantile(pick(containerd), share),
    ...(goal === undefined ? {} : { goal }),
  });
  const both = (what: string, pick: (f: Figures) => number[], goal?: number): Row[] => [
    row(what, pick, 0.5, goal),
    row(what, pick, 0.99),
  ];
  console.log(
    table(`Pod start and removal: ${ROUNDS} rounds of ${PODS} pods, by CRI calls`, 'containerd', [
      ...both('pod start, one after another', f => f.pods.map(p => p.times.total), 0.4),
      row('  RunPodSandbox', f => f.pods.map(p => p.times.sandbox), 0.5),
      row('  CreateContainer', f => f.pods.map(p => p.times.create), 0.5),
      row('  StartContainer', f => f.pods.map(p => p.times.start), 0.5),
      ...both(`${PODS} at once, until the last runs`, f => f.atOnce, 0.35),
      ...both(`${PODS} at once, each pod`, f => f.atOncePod),
      ...both('stop + remove', f => f.removals, 0.4),
    ]),
  );
} finally {
  await ours.delete();
  await peer.delete();
}
