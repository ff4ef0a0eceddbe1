import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { type Files, kubeconfigPaths } from '../../bootstrap/files.ts';
import type { Reach } from '../reach/reach.ts';
import { passwordsIn, secretsIn } from '../redaction/find-secrets.ts';
import { knownPieces } from '../redaction/known-secrets.ts';

/** Documents with credentials of this node beside its kubeconfigs. */
const DOCUMENTS = ['/etc/gantry/cri.yaml', '/var/lib/kubelet/config.json', '/root/.docker/config.json'];
const TEXTS: readonly { readonly folder: string; readonly name: RegExp }[] = [
  { folder: '/etc/default', name: /^gantry-/ },
  { folder: '/etc/gantry', name: /\.env$/ },
];
const DEPTH = 3;

/** Pieces of the secrets that this machine keeps in files and variables, by which they are found in whatever goes into a bundle. Nothing of them is written anywhere. Those where nobody answers are not known; nothing that is there gets into a bundle either. */
export function knownSecretsHere(files: Files, environment: NodeJS.ProcessEnv, reach: Reach): readonly string[] {
  const filesIn = (folder: string, name: RegExp) => filesBelow(folder, name, reach);
  const keyFiles = [...filesIn(files.pkiDir, /\.key$/), ...filesIn(`${files.kubeletDir}/pki`, /\.(key|pem)$/)];
  const textOf = (path: string): string => (reach.silenceAt(path) === undefined ? (contentOf(path) ?? '') : '');
  const texts = TEXTS.flatMap(({ folder, name }) => filesIn(folder, name)).map(textOf);
  const answers = (path: string): boolean => reach.silenceAt(path) === undefined;
  return knownPieces([
    ...keyFiles.flatMap(path => privateKeysIn(textOf(path))),
    ...[...kubeconfigPaths(files), ...DOCUMENTS].filter(answers).flatMap(path => secretsIn(documentOf(path))),
    ...[...texts, ...Object.values(environment)].flatMap(text => passwordsIn(text ?? '')),
  ]);
}

/** A public key or certificate in the same file is not meant. */
function privateKeysIn(text: string): readonly string[] {
  const keys: string[] = [];
  for (const [block] of text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g))
    keys.push(block);
  return keys;
}

function documentOf(path: string): unknown {
  try {
    return parse(contentOf(path) ?? '', { maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}

/** Of a file, or of one that a link names: to open a pipe waits for who writes into it. */
function contentOf(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

function filesBelow(folder: string, name: RegExp, reach: Reach, depth = DEPTH): readonly string[] {
  if (reach.silenceAt(folder) !== undefined) return [];
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return depth > 1 ? filesBelow(path, name, reach, depth - 1) : [];
      return name.test(entry.name) ? [path] : [];
    });
  } catch {
    return [];
  }
}
