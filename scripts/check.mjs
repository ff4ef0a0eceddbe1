// npm run check: types, lint and format, import rules, unused code, generated codecs, unit tests. All run side by side; each failure prints whole.
//   --without-tests   all but the unit tests, for who runs them by scripts/test
import { spawn } from 'node:child_process';

const STEPS = [
  ['types', 'tsc', ['--noEmit']],
  ['lint', 'biome', ['check', '--error-on-warnings', '--max-diagnostics=50', '.']],
  ['imports', process.execPath, ['scripts/check-imports.mjs']],
  ['unused', 'knip', ['--no-progress']],
  ['generated codecs', process.execPath, ['scripts/gen-proto.mjs', '--check']],
  ['unit tests', 'vitest', ['run', '--project', 'unit']],
];

const words = process.argv.slice(2);
const unknown = words.filter(word => word !== '--without-tests');
if (unknown.length > 0) {
  console.error(`npm run check knows no "${unknown[0]}": --without-tests leaves the unit tests out`);
  process.exit(2);
}
const steps = words.length > 0 ? STEPS.filter(([name]) => name !== 'unit tests') : STEPS;

const env = { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}`, NODE_EXTRA_CA_CERTS: '' };
const runStep = ([name, file, args]) =>
  new Promise(resolve => {
    const started = performance.now();
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', d => (output += d));
    child.stderr.on('data', d => (output += d));
    child.on('error', error => resolve({ name, ok: false, output: error.message, ms: 0 }));
    child.on('close', code => resolve({ name, ok: code === 0, output, ms: performance.now() - started }));
  });

const results = await Promise.all(steps.map(runStep));
for (const { name, ok, output, ms } of results) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${(ms / 1000).toFixed(1)} s)`);
  if (!ok || name === 'unit tests') console.log(output.trimEnd());
}
process.exit(results.every(r => r.ok) ? 0 : 1);
