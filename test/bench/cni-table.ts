import { benchCni } from './cni.ts';
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
