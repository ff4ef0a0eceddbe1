import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { errnoName, errorMessage } from '../../../base/errors.ts';
import { type Files, kubeconfigPaths } from '../../../bootstrap/files.ts';
import type { Place, Reach } from '../../reach/reach.ts';
import { redactKubeconfig } from '../../redaction/kubeconfig.ts';
import type { BundleItem, BundleSource } from '../item.ts';
import { fileItems, placeOf } from './configuration-file.ts';

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
      for (const path of filesIn(files.manifestsDir, /\.(ya?ml|json)$/)) yield* file(path, read(path));
      yield* file(files.kubeletConfig, read(files.kubeletConfig));
      for (const { folder, name } of PLACES)
        for (const path of filesIn(folder, name)) {
          if (folder === '/etc/systemd/system' && !OURS.test(path)) continue;
          yield* file(path, read(path));
        }
      for (const path of ['/etc/hosts', '/etc/resolv.conf', '/etc/os-release']) yield* file(path, read(path));
    },
  };
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

function* file(path: string, read: ReadText): Generator<BundleItem> {
  if (read === undefined) return;
  if ('because' in read) yield { path: placeOf(path), missing: read.because };
  else yield* fileItems(path, read.text);
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
