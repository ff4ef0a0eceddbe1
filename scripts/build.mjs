// Bundles the command: one entry, one of each thread, a chunk per role by dynamic import, so that a role loads only what it uses. Usage: build.mjs [DIRECTORY] [--no-maps]
import { chmodSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { builtins } from './build-builtins.mjs';

const withMaps = !process.argv.includes('--no-maps');
const outdir = process.argv.slice(2).find(argument => !argument.startsWith('-')) ?? 'dist';
rmSync(outdir, { recursive: true, force: true });
const result = await build({
  // The thread of a role lies beside its chunk, which starts it by its name.
  entryPoints: { gantry: 'src/entry.ts', 'chunks/body-worker': 'src/apiserver/body/body-worker.ts' },
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outExtension: { '.js': '.mjs' },
  chunkNames: 'chunks/[name]-[hash]',
  // Native parts stay packages; everything else is bundled.
  external: ['koffi'],
  plugins: [builtins],
  banner: {
    js: "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);",
  },
  sourcemap: withMaps && 'linked',
  legalComments: 'none',
  // less to read at each start; names stay, and lines end somewhere, since Node prints the one that an error was thrown in
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  metafile: true,
  logLevel: 'warning',
});
chmodSync(`${outdir}/gantry.mjs`, 0o755);
const bytes = Object.values(result.metafile.outputs).reduce((sum, o) => sum + o.bytes, 0);
console.log(
  `built ${outdir}/gantry.mjs and ${Object.keys(result.metafile.outputs).length - 2} more files, ${(bytes / 1e6).toFixed(1)} MB ${withMaps ? 'with' : 'without'} maps`,
);
