// npm run bench -- cri | pod | cni | memory | image | storage | api | schedule | proxy | cluster | bootstrap | stats | streams: bundles the benchmark and runs it as root, inside hosts. Prints tables of ratios; passes and fails nothing.
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const BENCHMARKS = {
  cri: 'cri',
  pod: 'pod',
  cni: 'cni-table',
  memory: 'memory',
  image: 'image',
  storage: 'storage',
  api: 'api',
  schedule: 'schedule',
  proxy: 'proxy',
  cluster: 'cluster',
  bootstrap: 'bootstrap',
  stats: 'stats',
  streams: 'streams',
};

const names = process.argv.slice(2).filter(a => !a.startsWith('-'));
if (names.length === 0 || names.some(n => !(n in BENCHMARKS))) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join(' | ')}`);
  process.exit(2);
}
if (process.getuid() !== 0) {
  console.error('benchmarks make namespaces and cgroups: run them as root');
  process.exit(2);
}
const version = spawnSync('uname', ['-r'], { encoding: 'utf8' }).stdout.trim();
console.log(`node ${process.version}, Linux ${version}, ${new Date().toISOString().slice(0, 10)}\n`);
let failed = false;
for (const name of names) {
  const outfile = `.cache/bench/${name}.mjs`;
  await build({
    entryPoints: [`test/bench/${BENCHMARKS[name]}.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
    banner: {
      js: "import { createRequire as __benchRequire } from 'node:module'; const require = __benchRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  // NODE_EXTRA_CA_CERTS adds 38 ms to every start of Node
  const { status } = spawnSync(process.execPath, [outfile], {
    stdio: 'inherit',
    env: { ...process.env, NODE_EXTRA_CA_CERTS: '', GANTRY_PROJECT: process.cwd() },
  });
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);
