// Who may import whom, as a reviewed table: the first folder under src/ decides. Type-only imports count like any other.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Folder -> folders it may import from (its own is always allowed). `cmd`, `main.ts` and `conformance` may import everything. */
const MAY_IMPORT = {
  base: [],
  daemon: ['linux', 'base'],
  api: ['base'],
  linux: ['base'],
  pki: ['base'],
  rpc: ['base'],
  remotecommand: ['base'],
  etcd: ['rpc', 'base'],
  client: ['api', 'base', 'pki'],
  kubelet: ['api', 'client', 'rpc', 'remotecommand', 'linux', 'pki', 'daemon', 'base'],
  cri: ['rpc', 'remotecommand', 'linux', 'daemon', 'base', 'cni'],
  cni: ['linux', 'base'],
  proxy: ['api', 'client', 'linux', 'daemon', 'base'],
  dns: ['api', 'client', 'linux', 'daemon', 'base'],
  network: ['api', 'client', 'linux', 'daemon', 'base'],
  apiserver: ['api', 'etcd', 'remotecommand', 'pki', 'daemon', 'base'],
  controllers: ['api', 'client', 'daemon', 'base', 'pki'],
  scheduler: ['api', 'client', 'daemon', 'base', 'pki'],
  // rpc: reset stops pods by way of the runtime
  bootstrap: ['api', 'client', 'etcd', 'rpc', 'pki', 'linux', 'base'],
  'local-cluster': ['bootstrap', 'api', 'client', 'etcd', 'pki', 'linux', 'base'],
  diagnosis: ['bootstrap', 'api', 'client', 'etcd', 'rpc', 'pki', 'linux', 'base'],
  cmd: ['*'],
  conformance: ['*'],
  'main.ts': ['*'],
  'entry.ts': ['main.ts', 'base'],
};

/** Only this folder inside cri may know that CNI exists. */
const CNI_DOOR = 'src/cri/network/';

/** Pure folders and files: no async, no node builtins, no clock, no randomness. */
const PURE = [
  /^src\/kubelet\/decide\//,
  /\/plan\.ts$/,
  /^src\/controllers\/garbage-collector\/(graph|identity|kinds|absent-owners)\.ts$/,
  /^src\/proxy\/compile\//,
  /^src\/cri\/(spec|validation)\//,
  /^src\/apiserver\/(patch|apply|authz|negotiation)\//,
  /^src\/apiserver\/request-info\.ts$/,
  /^src\/api\/selectors\//,
  /^src\/scheduler\/(filter|score)\//,
  /^src\/dns\/records\//,
  /^src\/diagnosis\/(redaction\/|status\/(facts|problems|screen)\.ts$)/,
];
const IMPURE = [
  [/\basync\b/, 'async'],
  [/\bawait\b/, 'await'],
  [/from 'node:/, 'a node builtin'],
  [/\bDate\.now\(|new Date\(\)/, 'the clock'],
  [/\bMath\.random\(|randomUUID\(|randomBytes\(/, 'randomness'],
  [/\bprocess\./, 'the process'],
];

const files = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter(e => e.isFile() && e.name.endsWith('.ts'))
  .map(e => normalize(join(e.parentPath ?? e.path, e.name)));

const problems = [];
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  const from = file.split('/')[1];
  const allowed = MAY_IMPORT[from];
  if (allowed === undefined) {
    problems.push(`${file}: folder src/${from} is not in the table of scripts/check-imports.mjs`);
    continue;
  }
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)) {
    const target = normalize(join(dirname(file), match[1]));
    if (!target.startsWith('src/')) {
      problems.push(`${file}: imports ${target}, which is outside src/`);
      continue;
    }
    const to = target.split('/')[1];
    if (to === 'cmd' && from !== 'cmd' && from !== 'main.ts')
      problems.push(`${file}: nobody imports src/cmd (${target})`);
    if (to !== from && !allowed.includes('*') && !allowed.includes(to))
      problems.push(`${file}: src/${from} may not import src/${to} (${target}); see scripts/check-imports.mjs`);
    if (from === 'cri' && to === 'cni' && !file.startsWith(CNI_DOOR))
      problems.push(`${file}: only ${CNI_DOOR} may import src/cni`);
  }
  if (PURE.some(p => p.test(file))) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    for (const [pattern, what] of IMPURE)
      if (pattern.test(code)) problems.push(`${file}: is in a pure place but uses ${what}`);
  }
}
for (const problem of problems) console.error(problem);
console.log(`import rules: ${files.length} files, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
