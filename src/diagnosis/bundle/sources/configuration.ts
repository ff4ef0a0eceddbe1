import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { errnoName, errorMessage } from '../../../base/errors.ts';
import { type Files, kubeconfigPaths } from '../../../bootstrap/files.ts';
import type { Place, Reach } from '../../reach/reach.ts';
import { redactKubeconfig } from '../../redaction/kubeconfig.ts';
import { redactSettings } from '../../redaction/settings.ts';
import { type BundleItem, type BundleSource, beginningOf } from '../item.ts';

/** Longer configurations are none. */
const MOST_FILE_BYTES = 1 << 20;
const DEPTH = 3;
/** Where the configuration of the daemons is, beside what `files` names: directories with what of them counts. */
const PLACES: readonly { readonly folder: string; readonly name: RegExp }[] = [
  { folder: '/etc/gantry', name: /\.(ya?ml|env|json|toml)$/ },
  { folder: '/etc/default', name: /^gantry-/ },
  { folder: '/etc/systemd/system', name: /^gantry-[^/]*\.(service|conf)$|\.conf$/ },
  { folder: '/etc/cni/net.d', name: /\.(conf|conflist|json)$/ },
  { folder: '/etc/sysctl.d', name: /\.conf$/ },
];
/** Of /etc/systemd/system only what is about our units. */
const OURS = /^\/etc\/systemd\/system\/gantry-/;

/** The directories that all this is read from. */
export function configurationPlaces(files: Files): readonly Place[] {
  return [
    { path: '/etc' },
    { path: '/root/.docker' },
    ...[files.manifestsDir, ...PLACES.map(({ folder }) => folder)].map(path => ({ path, deep: true })),
  ];
}

/** Units and their drop-ins, and variables: anybody may write into them what he likes. */
const UNITS = /^\/etc\/systemd\//;
const VARIABLES = /^\/etc\/default\/|\.env$/;

/** The configuration of this node: kubeconfigs without credentials, manifests without values, the rest without secrets. A document that cannot be read as such is left out where it is made of secrets. */
export function configuration(files: Files, reach: Reach): BundleSource {
  const filesIn = (folder: string, name: RegExp) => filesBelow(folder, name, reach);
  const read = (path: string): ReadText => {
    const because = reach.silenceAt(path);
    return because === undefined ? textOf(path) : { because };
  };
  return {
    what: 'the configuration',
    timeoutMs: 10_000,
    async *items() {
      for (const path of kubeconfigPaths(files)) yield* kubeconfig(path, read(path));
      for (const path of filesIn(files.manifestsDir, /\.(ya?ml|json)$/)) yield* documents(path, read(path));
      yield* documents(files.kubeletConfig, read(files.kubeletConfig));
      for (const { folder, name } of PLACES)
        for (const path of filesIn(folder, name)) {
          if (folder === '/etc/systemd/system' && !OURS.test(path)) continue;
          if (/\.(ya?ml|json|conflist)$/.test(path)) yield* documents(path, read(path));
          else yield* plain(path, read(path));
        }
      for (const path of ['/etc/hosts', '/etc/resolv.conf', '/etc/os-release']) yield* plain(path, read(path));
    },
  };
}

/** `/etc/kubernetes/admin.conf` is `configuration/etc/kubernetes/admin.conf` in the bundle. */
function placeOf(path: string): string {
  return `configuration${path}`;
}

function* kubeconfig(path: string, read: ReadText): Generator<BundleItem> {
  if (read === undefined) return;
  if ('because' in read) yield { path: placeOf(path), missing: read.because };
  else
    try {
      yield { path: placeOf(path), document: redactKubeconfig(parse(read.text)), as: 'yaml' };
    } catch {
      // the message of the parser quotes what it could not read
      yield { path: placeOf(path), missing: 'it is no YAML, so that its credentials cannot be told from the rest' };
    }
}

/** Comments are left out with what is in them. */
function* documents(path: string, read: ReadText): Generator<BundleItem> {
  if (read === undefined) return;
  if ('because' in read) {
    yield { path: placeOf(path), missing: read.because };
    return;
  }
  try {
    const parsed = parseAllDocuments(read.text);
    const found = Array.isArray(parsed) ? parsed : [];
    if (found.some(({ errors }) => errors.length > 0)) throw new Error('no YAML');
    for (const [at, document] of found.entries())
      yield {
        path: found.length === 1 ? placeOf(path) : `${placeOf(path)}.${at + 1}`,
        document: document.toJS({ maxAliasCount: 100 }),
        as: path.endsWith('.json') || path.endsWith('.conflist') ? 'json' : 'yaml',
      };
  } catch {
    yield { path: placeOf(path), missing: 'it is no YAML, so that secrets in it cannot be told from the rest' };
  }
}

function* plain(path: string, read: ReadText): Generator<BundleItem> {
  if (read === undefined) return;
  if ('because' in read) yield { path: placeOf(path), missing: read.because };
  else yield { path: placeOf(path), ...beginningOf(shownText(path, read.text)) };
}

function shownText(path: string, text: string): string {
  if (UNITS.test(path)) return redactSettings(text, 'unit');
  return VARIABLES.test(path) ? redactSettings(text, 'variables') : text;
}

/** Undefined where there is no such file. */
type ReadText = { readonly text: string } | { readonly because: string } | undefined;

function textOf(path: string): ReadText {
  try {
    // of the file that a link names
    const found = statSync(path);
    if (!found.isFile()) return { because: 'it is no file' };
    const { size } = found;
    if (size > MOST_FILE_BYTES) return { because: `it has ${size} bytes, too many for a configuration` };
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return errnoName(error) === 'ENOENT' ? undefined : { because: errorMessage(error) };
  }
}

/** Files below a directory by their names; links are not followed. */
function filesBelow(folder: string, name: RegExp, reach: Reach, depth = DEPTH): readonly string[] {
  // that it does not answer is told once for all
  if (reach.silenceAt(folder) !== undefined) return [];
  try {
    return readdirSync(folder, { withFileTypes: true })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap(entry => {
        const path = `${folder}/${entry.name}`;
        if (entry.isDirectory()) return depth > 1 ? filesBelow(path, name, reach, depth - 1) : [];
        return entry.isFile() && name.test(entry.name) ? [path] : [];
      });
  } catch {
    return [];
  }
}
