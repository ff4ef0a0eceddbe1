import { resolvePlain } from '../decode/yaml-scalars.ts';

/** Words that no reader of YAML takes for anything else, old or new, as far as their letters tell. */
const PLAIN = /^[A-Za-z_/][\w./@+=:-]*(?: [\w./@+=:(),;-]+)*$/;
/** JSON leaves these as they are; to readers of YAML some of them end a line, and some are not printable. */
const BEYOND_JSON = /[\x7f-\x9f\u2028\u2029\ufeff]/g;

/**
 * A JSON value as a YAML document: names in order, lists at the depth of their name, as upstream writes it. Texts that could mean something else to a reader of YAML
 * 1.1 or 1.2 (`yes`, `1e3`, dates) are quoted. Ends with a line end.
 */
export function yamlText(value: unknown): string {
  return isFull(value) ? block(value, '') : `${inline(value)}\n`;
}

/** The lines of a list or an object that is not empty. */
function block(value: object, indent: string): string {
  let text = '';
  if (Array.isArray(value)) {
    const deeper = `${indent}  `;
    // the first line of an item stands behind its dash
    for (const item of value)
      text += `${indent}- ${isFull(item) ? block(item, deeper).slice(deeper.length) : `${inline(item)}\n`}`;
    return text;
  }
  const members = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member === undefined) continue;
    text += `${indent}${quoted(name)}:`;
    if (isFull(member)) text += `\n${block(member, Array.isArray(member) ? indent : `${indent}  `)}`;
    else text += ` ${inline(member)}\n`;
  }
  return text;
}

function isFull(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.length > 0 : Object.values(value).some(member => member !== undefined);
}

function inline(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[]' : '{}';
  return JSON.stringify(value ?? null);
}

function quoted(text: string): string {
  if (PLAIN.test(text) && !/:( |$)/.test(text) && resolvePlain(text) === text) return text;
  return JSON.stringify(text).replace(BEYOND_JSON, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
