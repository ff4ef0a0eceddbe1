import { copyFileSync } from 'node:fs';
import { makeRunDirectory, RUN_DIR } from '../harness/run-id.ts';
import { measureIdle } from './cri-idle.ts';
import { measureImages, measurePull, openSources } from './cri-images.ts';
import { measureLifecycle, warmUp } from './cri-lifecycle.ts';
import { openSides, type Sides } from './cri-sides.ts';

/** Parts by name, with commas between; all unless given. */
const ONLY = process.env['GANTRY_BENCH_ONLY']?.split(',');
const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 5);
const WIDTH = 8;
const PULLS = 3;
/** Long enough for a garbage collection that an idle heap asks for. */
const IDLE_MS = Number(process.env['GANTRY_BENCH_IDLE_MS'] ?? 20_000);

const PARTS: Readonly<Record<string, (sides: Sides) => Promise<string>>> = {
  sequential: sides => measureLifecycle(sides, { rounds: ROUNDS, pods: 10, width: 1 }),
  parallel: sides => measureLifecycle(sides, { rounds: ROUNDS, pods: 2 * WIDTH, width: WIDTH }),
  images: async sides => {
    const sources = await openSources(sides);
    const alone = await measureImages(sources, { rounds: ROUNDS, width: 1 });
    const together = await measureImages(sources, { rounds: ROUNDS, width: WIDTH });
    const pulled = await measurePull(sources, PULLS);
    for (const { registry } of sources) await registry.stop();
    return [alone, together, pulled].join('\n');
  },
  idle: sides => measureIdle(sides, { pods: 100, containers: 1, idleMs: IDLE_MS }),
  'idle-shared': sides => measureIdle(sides, { pods: 20, containers: 5, idleMs: IDLE_MS }),
};

const unknown = (ONLY ?? []).filter(part => !(part in PARTS));
if (unknown.length > 0) throw new Error(`no part is called ${unknown.join(', ')}: ${Object.keys(PARTS).join(', ')}`);
// a program of our own: another that runs Node on this machine would take a share of the memory
makeRunDirectory();
const program = `${RUN_DIR}/node`;
copyFileSync(process.execPath, program);
process.env['GANTRY_NODE'] = program;
const sides = await openSides();
try {
  await warmUp(sides);
  for (const [part, measure] of Object.entries(PARTS)) {
    if (ONLY?.includes(part) === false) continue;
    const begun = performance.now();
    console.log(await measure(sides));
    console.log(`(${part}: ${((performance.now() - begun) / 1000).toFixed(0)} s)\n`);
  }
} finally {
  await sides.delete();
}
