// Turns proto/ into the committed codecs of src/rpc/gen: `node scripts/gen-proto.mjs`, or with --check to fail when they are out of date.
// buf compiles without network; ts-proto writes one module per proto file.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OUT = 'src/rpc/gen';
const OPTIONS = [
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.ts',
  'outputServices=grpc-js',
  'useReadonlyTypes=true',
  'outputJsonMethods=false',
  'exportCommonSymbols=false',
  'useExactTypes=false',
  'unrecognizedEnum=false',
  // The clients of grpc-js are callbacks; cri-client.ts makes promises from the service definitions.
  'outputClientImpl=false',
];

// int64 of the CRI is a bigint: nanoseconds since 1970 do not fit a number. etcd's revisions, sizes and times do (2^53 revisions last a
// thousand years at 250,000 a second) and stand on the hottest paths, where a bigint costs an allocation each; its ids, which use all bits,
// are marked JS_STRING in the proto.
const RUNS = [
  { options: [...OPTIONS, 'forceLong=bigint'], select: ['--exclude-path', 'proto/etcd'] },
  { options: [...OPTIONS, 'forceLong=number', 'useJsTypeOverride=true'], select: ['--path', 'proto/etcd'] },
];

const work = mkdtempSync(join(tmpdir(), 'gantry-gen-proto-'));
try {
  for (const { options, select } of RUNS) {
    const template = {
      version: 'v2',
      plugins: [{ local: ['node_modules/.bin/protoc-gen-ts_proto'], out: work, opt: options }],
    };
    execFileSync('node_modules/.bin/buf', ['generate', 'proto', ...select, '--template', JSON.stringify(template)], {
      stdio: 'inherit',
    });
  }
  const generated = files(work);
  if (process.argv.includes('--check')) {
    const stale = [...new Set([...generated, ...files(OUT)])].filter(name => read(work, name) !== read(OUT, name));
    for (const name of stale) console.error(`${OUT}/${name} does not match proto/: run node scripts/gen-proto.mjs`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    rmSync(OUT, { recursive: true, force: true });
    cpSync(work, OUT, { recursive: true });
    console.log(`wrote ${generated.length} files to ${OUT}`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function files(folder) {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
      .sort();
  } catch {
    return [];
  }
}

function read(folder, name) {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return undefined;
  }
}
