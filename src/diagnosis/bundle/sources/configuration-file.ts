import { parse as parseToml } from 'smol-toml';
import { parseAllDocuments } from 'yaml';
import { redactSettings } from '../../redaction/settings.ts';
import { type BundleItem, beginningOf } from '../item.ts';

/** Units and their drop-ins, and variables: anybody may write into them what he likes. */
const UNITS = /^\/etc\/systemd\//;
const VARIABLES = /^\/etc\/default\/|\.env$/;
/** YAML, of which JSON is a part; a `.conf` is one for CNI alone. */
const DOCUMENTS = /\.(ya?ml|json|conflist)$|^\/etc\/cni\/.*\.conf$/;
const JSON_FILES = /\.(json|conflist|conf)$/;

/** `/etc/kubernetes/admin.conf` is `configuration/etc/kubernetes/admin.conf` in the bundle. */
export function placeOf(path: string): string {
  return `configuration${path}`;
}

/** What of a file of configuration goes into a bundle, by its name: documents for what their fields say, without their comments, others line by line. One that cannot be read as the document that it should be is left out. Pure. */
export function fileItems(path: string, text: string): readonly BundleItem[] {
  if (path.endsWith('.toml')) return toml(path, text);
  return DOCUMENTS.test(path)
    ? documents(path, text)
    : [{ path: placeOf(path), ...beginningOf(shownText(path, text)) }];
}

function documents(path: string, text: string): readonly BundleItem[] {
  try {
    const parsed = parseAllDocuments(text);
    const found = Array.isArray(parsed) ? parsed : [];
    if (found.some(({ errors }) => errors.length > 0)) throw new Error('no YAML');
    return found.map((document, at) => ({
      path: found.length === 1 ? placeOf(path) : `${placeOf(path)}.${at + 1}`,
      document: document.toJS({ maxAliasCount: 100 }),
      as: JSON_FILES.test(path) ? 'json' : 'yaml',
    }));
  } catch {
    return [unread(path, 'YAML')];
  }
}

function toml(path: string, text: string): readonly BundleItem[] {
  try {
    return [{ path: placeOf(path), document: parseToml(text), as: 'toml' }];
  } catch {
    return [unread(path, 'TOML')];
  }
}

/** The message of a parser quotes what it could not read. */
function unread(path: string, form: string): BundleItem {
  return { path: placeOf(path), missing: `it is no ${form}, so that secrets in it cannot be told from the rest` };
}

function shownText(path: string, text: string): string {
  if (UNITS.test(path)) return redactSettings(text, 'unit');
  return VARIABLES.test(path) ? redactSettings(text, 'variables') : text;
}
