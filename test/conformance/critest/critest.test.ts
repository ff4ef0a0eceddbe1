import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry } from '../../harness/registry.ts';
import { gantryHost, type RuntimeHost } from '../../harness/runtime-host.ts';
import { critestImages } from './images.ts';
import { type CritestPrograms, critestPrograms } from './programs.ts';
import { type SpecReport, specsOf } from './report.ts';
import { SKIPPED } from './skipped.ts';

const programs = critestPrograms();
const because = typeof programs === 'string' ? `skipped: ${programs}` : '';
if (because !== '') console.log(because);

/** Specs that match are run, all others are not; everything unless given. */
const FOCUS = process.env['GANTRY_CRITEST_FOCUS'] ?? '';
/** `crun`, `runc` or the path of another; the shim's own choice unless given. */
const RUNTIME = process.env['GANTRY_CRITEST_RUNTIME'] ?? '';
/** Without pause processes where that can be. */
const DROP_INFRA = process.env['GANTRY_CRITEST_DROP_INFRA'] === '1';

describe.skipIf(because !== '')(`upstream's critest on this shim ${because}`, () => {
  let target: RuntimeHost;

  beforeAll(async () => {
    target = await gantryHost({ withoutImage: true, criConfig: CONFIG });
    const registry = await startRegistry(target.host);
    for (const [name, image] of await critestImages(programs as CritestPrograms)) await registry.pushBuilt(image, name);
  });
  afterAll(() => target?.delete());

  describe.each([
    { how: 'in random order, one by one', parallel: 1, focus: FOCUS, flags: [] },
    { how: 'in random order, four at once', parallel: 4, focus: FOCUS, flags: [] },
    { how: 'with its streams over WebSocket', parallel: 1, focus: 'Streaming', flags: OVER_WEBSOCKET },
  ])('$how', run => {
    let specs: readonly SpecReport[];

    beforeAll(async () => {
      specs = await runCritest(target, programs as CritestPrograms, run);
    }, RUN_TIMEOUT_MS);

    it('no spec fails, and some pass', () => {
      const failed = specs.filter(spec => !['passed', 'skipped', 'pending'].includes(spec.state));
      expect(failed.map(({ name, message }) => `${name}: ${message}`)).toEqual([]);
      expect(specs.filter(spec => spec.state === 'passed').length).toBeGreaterThan(0);
    });

    it('what skips itself is in the table of skipped specs', () => {
      const skipped = specs.filter(spec => spec.state === 'skipped' && spec.message !== '');
      const unknown = skipped.filter(({ name }) => !SKIPPED.some(row => row.spec.test(name)));
      expect(unknown.map(({ name, message }) => `${name}: ${message}`)).toEqual([]);
    });

    it('nothing of a pod stays', async () => {
      const { items } = await target.client.listPodSandbox({ filter: undefined });
      expect(items).toEqual([]);
    });
  });
});

/** Unless given, its streams are SPDY. */
const OVER_WEBSOCKET = ['exec', 'attach', 'portforward'].map(stream => `-websocket-${stream}`);

interface CritestRun {
  readonly how: string;
  readonly parallel: number;
  readonly focus: string;
  readonly flags: readonly string[];
}

/** A whole run takes about a minute; specs that hang wait for minutes each. */
const RUN_TIMEOUT_MS = 1_200_000;

const REGISTRIES = ['gcr.io', 'k8s.gcr.io', 'registry.k8s.io'];

/** Upstream's names lead to the registry of the host. */
const CONFIG = [
  ...(RUNTIME === '' ? [] : [`runtime: ${RUNTIME}`]),
  ...(DROP_INFRA ? ['dropInfra: true'] : []),
  'registries:',
  '  mirrors:',
  ...REGISTRIES.map(name => `    ${name}: ["http://127.0.0.1:5000/${name}"]`),
  '',
].join('\n');

async function runCritest(
  { host }: RuntimeHost,
  built: CritestPrograms,
  { how, parallel, focus, flags }: CritestRun,
): Promise<readonly SpecReport[]> {
  const name = how.replace(/\W+/g, '-');
  const report = `${host.dataDir}/critest-${name}.json`;
  const log = `${host.dataDir}/critest-${name}.log`;
  const run = host.spawn(
    [
      built.critest,
      '-runtime-endpoint=unix:///run/gantry/cri.sock',
      ...(parallel > 1 ? [`-parallel=${parallel}`] : []),
      '-ginkgo.no-color',
      '-ginkgo.randomize-all',
      `-ginkgo.timeout=${RUN_TIMEOUT_MS / 1000 - 60}s`,
      `-ginkgo.json-report=${report}`,
      `-ginkgo.skip=${SKIPPED.filter(row => row.notRun)
        .map(row => row.spec.source)
        .join('|')}`,
      ...(focus === '' ? [] : [`-ginkgo.focus=${focus}`]),
      ...flags,
    ],
    { logFile: log, cwd: host.dataDir, env: { PATH: `${built.ginkgoDirectory}:${process.env['PATH']}` } },
  );
  await run.exited;
  if (!existsSync(report)) throw new Error(`critest made no report: ${readFileSync(log, 'utf8').slice(-2_000)}`);
  const specs = specsOf(readFileSync(report, 'utf8'));
  console.log(tableOf(specs, readFileSync(log, 'utf8')));
  return specs;
}

/** What ran, how it ended and how long it took, with the seed that gives the same order again. */
function tableOf(specs: readonly SpecReport[], log: string): string {
  const rows = specs
    .filter(({ state, message }) => state !== 'skipped' || message !== '')
    .map(({ state, seconds, name, message }) => `${state} ${seconds.toFixed(1)} s ${name} ${message}`.trimEnd());
  return [/Random Seed: \d+/.exec(log)?.[0] ?? '', ...rows].join('\n');
}
