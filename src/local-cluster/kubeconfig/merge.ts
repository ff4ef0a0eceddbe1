import { type Document, isMap, isSeq, parseDocument, YAMLMap, type YAMLSeq } from 'yaml';
import { invalidArgument } from '../../base/errors.ts';

/** The three entries of one cluster, all of the same name. */
export interface ContextEntries {
  readonly name: string;
  readonly cluster: Readonly<Record<string, string>>;
  readonly user: Readonly<Record<string, string>>;
}

const LISTS = ['clusters', 'contexts', 'users'] as const;

/**
 * The kubeconfig with the entries put in, those of the same name replaced, and their context the current one. Everything else stays as it is written,
 * comments too. An empty text is a new file. Throws `invalid-argument` for what is no kubeconfig.
 */
export function mergeContext(text: string, path: string, entries: ContextEntries): string {
  const document = readConfig(text, path);
  const { name, cluster, user } = entries;
  const parts = { clusters: { cluster }, contexts: { context: { cluster: name, user: name } }, users: { user } };
  for (const list of LISTS) putNamed(document, listOf(document, list, path), { name, ...parts[list] });
  document.set('current-context', name);
  return document.toString({ lineWidth: 0 });
}

/** The kubeconfig without the entries of this name; undefined where it has none. */
export function removeContext(text: string, path: string, name: string): string | undefined {
  if (text.trim() === '') return undefined;
  const document = readConfig(text, path);
  let found = false;
  for (const list of LISTS) {
    const items = listOf(document, list, path);
    const at = indexOf(items, name);
    if (at < 0) continue;
    items.delete(at);
    found = true;
  }
  if (document.get('current-context') === name) {
    document.set('current-context', '');
    found = true;
  }
  return found ? document.toString({ lineWidth: 0 }) : undefined;
}

function readConfig(text: string, path: string): Document {
  if (text.trim() === '')
    return parseDocument('apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\npreferences: {}\n');
  const document = parseDocument(text);
  const [broken] = document.errors;
  if (broken !== undefined || !isMap(document.contents))
    throw invalidArgument(`${path} is no kubeconfig: mend it, or name another file with --kubeconfig`);
  return document;
}

function listOf(document: Document, list: (typeof LISTS)[number], path: string): YAMLSeq {
  const found = document.get(list);
  if (isSeq(found)) return found;
  if (found !== undefined && found !== null) throw invalidArgument(`${path}: ${list} is no list: mend it`);
  const made = document.createNode([]) as YAMLSeq;
  document.set(list, made);
  return made;
}

function putNamed(document: Document, list: YAMLSeq, entry: { readonly name: string }): void {
  const node = document.createNode(entry);
  // `[]` and `{}` are written on one line, and what is put into them would be too
  if (list.items.length === 0) list.flow = false;
  const at = indexOf(list, entry.name);
  if (at < 0) list.add(node);
  else list.set(at, node);
}

function indexOf(list: YAMLSeq, name: string): number {
  return list.items.findIndex(item => item instanceof YAMLMap && item.get('name') === name);
}
