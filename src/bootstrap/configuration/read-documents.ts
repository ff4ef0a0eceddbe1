import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { type DecodedObject, decodeManifest, validateDecoded } from '../../api/decode/manifest.ts';
import { type Problem, problemLine } from '../../api/decode/problem.ts';
import { apiVersionOf } from '../../api/schema/kinds.ts';
import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { KUBEADM_KINDS, OLD_KUBEADM_API_VERSION } from './kinds.ts';
import { migrateDocuments } from './migrate.ts';

/** Kinds that a file of this program may hold. */
export const CONFIGURATION_KINDS: readonly string[] = [
  'InitConfiguration',
  'ClusterConfiguration',
  'JoinConfiguration',
  'ResetConfiguration',
  'KubeletConfiguration',
  'KubeProxyConfiguration',
];

/** One document: as it was written, and decoded with its defaults. */
export interface ConfigurationDocument {
  readonly apiVersion: string;
  readonly kind: string;
  /** With the fields that stand in the file, and no others. */
  readonly written: Readonly<Record<string, unknown>>;
  readonly object: object;
}

export interface ConfigurationFile {
  readonly documents: readonly ConfigurationDocument[];
  /** What there is to say of it that is no error. */
  readonly warnings: readonly string[];
}

/** Reads a file, strictly. Throws `invalid-argument` with file, line and field of everything that is wrong, and where nothing is in it. */
export function readConfigurationFile(path: string): ConfigurationFile {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw invalidArgument(`unable to read config from "${path}": ${errorMessage(error)}`);
  }
  return configurationOfBytes(bytes, path);
}

/** The same of what a file holds. Pure. */
export function configurationOfBytes(bytes: Buffer, name: string): ConfigurationFile {
  if (!isUtf8(bytes)) throw invalidArgument(`${name}:${lineOfNoText(bytes)}: this is no UTF-8 text`);
  const file = parseConfiguration(bytes.toString('utf8'), name);
  if (file.documents.length === 0) throw invalidArgument(`${name}: there is no document in it`);
  return file;
}

/** The first line that is no text. A line break is no part of anything longer. */
function lineOfNoText(bytes: Buffer): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

/**
 * The documents of a text, those of kubeadm's older version turned into the present one. Throws as above; `name` stands for the file, and `places: 'fields'` leaves its lines
 * out, where nobody has written any.
 */
export function parseConfiguration(
  text: string,
  name: string,
  places: 'lines' | 'fields' = 'lines',
): ConfigurationFile {
  const decoded = decodeStrictly(text, name, places);
  const written = writtenDocuments(text);
  const old = decoded.filter(({ kind }) => apiVersionOf(kind) === OLD_KUBEADM_API_VERSION);
  if (old.length > 0) {
    const migrated = migrateDocuments(written);
    const documents = migrated.map(document => JSON.stringify(document)).join('\n---\n');
    return {
      documents: documentsOf(decodeStrictly(documents, name, 'fields'), migrated, name),
      warnings: [
        `${name} uses the old API "${OLD_KUBEADM_API_VERSION}": "gantry config migrate --old-config ${name}" writes it anew`,
      ],
    };
  }
  return { documents: documentsOf(decoded, written, name), warnings: [] };
}

function decodeStrictly(text: string, name: string, places: 'lines' | 'fields'): readonly DecodedObject[] {
  const { objects, problems } = decodeManifest(text, {
    kinds: CONFIGURATION_KINDS,
    moreKinds: KUBEADM_KINDS,
    withoutLists: true,
  });
  const all = [...problems, ...objects.flatMap(object => validateDecoded(object))];
  const line = (problem: Problem): string =>
    places === 'lines' ? problemLine(name, problem) : `${name}: ${problem.message}`;
  if (all.length > 0) throw invalidArgument(all.map(line).join('\n'));
  return objects;
}

function documentsOf(
  decoded: readonly DecodedObject[],
  written: readonly Readonly<Record<string, unknown>>[],
  name: string,
): readonly ConfigurationDocument[] {
  const documents = decoded.map(({ kind, object }, index) => ({
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    object,
    written: written[index] ?? {},
  }));
  for (const { kind } of documents)
    if (documents.filter(each => each.kind === kind).length > 1)
      throw invalidArgument(`${name}: it holds more than one ${kind}`);
  return documents;
}

/** What stands in the text: it has been decoded strictly before, so it is objects, one a document. */
function writtenDocuments(text: string): readonly Readonly<Record<string, unknown>>[] {
  const documents = parseAllDocuments(text, { version: '1.1' });
  return (Array.isArray(documents) ? documents : [])
    .map(document => document.toJS() as Record<string, unknown> | null)
    .filter(document => document !== null);
}
