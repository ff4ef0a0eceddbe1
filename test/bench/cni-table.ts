import { benchCni, type CniSamples } from './cni.ts';
import { benchLaunchers } from './cni-launchers.ts';
import { quantile, table } from './statistics.ts';

const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3) * 20;

const { gantry, reference } = await benchCni(ROUNDS);
const row = (what: string, ours: readonly number[], theirs: readonly number[], share: number, goal?: number) => ({
  what: `${what}, p${share * 100}`,
  unit: 'ms' as const,
  gantry: quantile(ours, share),
  peer: quantile(theirs, share),
  ...(goal === undefined ? {} : { goal }),
});
console.log(
  table(`CNI: ${ROUNDS} rounds of ADD and DEL, in process beside Debian's bridge and host-local`, 'reference bridge', [
    row('ADD', gantry.add, reference.add, 0.5, 0.25),
    row('ADD', gantry.add, reference.add, 0.99),
    row('DEL (what the caller waits for)', gantry.del, reference.del, 0.5, 0.25),
    row('DEL (what the caller waits for)', gantry.del, reference.del, 0.99),
  ]),
);

const launchers = await benchLaunchers(ROUNDS);
const executed = (what: string, ours: CniSamples) => [
  row(`ADD, ${what}`, ours.add, launchers.reference.add, 0.5),
  row(`ADD, ${what}`, ours.add, launchers.reference.add, 0.99),
  row(`DEL, ${what}`, ours.del, launchers.reference.del, 0.5),
  row(`DEL, ${what}`, ours.del, launchers.reference.del, 0.99),
];
console.log(
  table(`CNI by a runtime that executes plugins: ${ROUNDS} rounds of ADD and DEL`, 'reference bridge', [
    ...executed('launcher and daemon', launchers.socket),
    ...executed('launcher alone (Node)', launchers.alone),
  ]),
);
