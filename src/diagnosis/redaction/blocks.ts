import { REDACTED } from './redacted.ts';
import { isAboutSecret, isSecretName } from './secret-names.ts';
import { quoteAt, quotedEnd } from './spans.ts';

/** `name:` at the head of a line of YAML, before its value. */
const HEADER = /["']?([\w.-]+)["']?:(?=\s|$)/y;

/** Lines that are indented further than a name of a secret. */
interface Above {
  readonly indent: number;
  /** `text`: the rest of a value that begins beside its name; `open`: nothing stood there yet; `mapping`: names of its own; `list`: what follows a first line without a name. */
  readonly kind: 'text' | 'open' | 'mapping' | 'list';
}

/**
 * A text of YAML without what stands on the lines below the name of a secret and is indented further: blocks, values that begin on the next line or go on there, lists, and of mappings what is not about
 * secrets only. One that stands beside its name alone is left to others. Pure.
 */
export function redactBlocks(text: string): string {
  if (!text.includes(':\n') && !/:[ \t\r]/.test(text)) return text;
  let above: Above | undefined;
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const indent = indentOf(line);
    const isBlank = indent >= line.trimEnd().length;
    if (above !== undefined && !isBlank && indent <= above.indent) above = undefined;
    if (above === undefined || isBlank) {
      if (!isBlank) above = headerOf(line, indent);
      lines.push(above?.kind === 'text' && !isBlank ? withoutValue(line, indent) : line);
      continue;
    }
    if (above.kind === 'open') above = { ...above, kind: nameOf(line, indent) === undefined ? 'list' : 'mapping' };
    else if (above.kind !== 'mapping') continue;
    lines.push(above.kind === 'mapping' ? withoutValue(line, indent) : `${line.slice(0, indent)}${REDACTED}`);
  }
  return lines.join('\n');
}

/** Blanks and the hyphens of lists. */
function indentOf(line: string): number {
  let at = 0;
  for (;;) {
    if (line[at] === ' ' || line[at] === '\t') at += 1;
    else if (line[at] === '-' && line[at + 1] === ' ') at += 2;
    else return at;
  }
}

function nameOf(line: string, indent: number): { readonly name: string; readonly value: string } | undefined {
  HEADER.lastIndex = indent;
  const [head = '', name = ''] = HEADER.exec(line) ?? [];
  return head === '' ? undefined : { name, value: line.slice(indent + head.length).trim() };
}

function headerOf(line: string, indent: number): Above | undefined {
  const { name, value } = nameOf(line, indent) ?? { name: '', value: '' };
  if (!isSecretName(name)) return undefined;
  if (value === '' || value.startsWith('#')) return { indent, kind: 'open' };
  const quote = quoteAt(value, 0, 'begins');
  if (quote !== undefined && quotedEnd(value, quote.text.length, quote).isClosed) return undefined;
  return /[\]}],?$/.test(value) && /^[[{]/.test(value) && value !== REDACTED ? undefined : { indent, kind: 'text' };
}

/** A line without its value: what is about a secret stays, and names without a value. */
function withoutValue(line: string, indent: number): string {
  const { name, value } = nameOf(line, indent) ?? { name: undefined, value: line.slice(indent).trim() };
  if (name === undefined) return /^[[\]{}]*,?$/.test(value) ? line : `${line.slice(0, indent)}${REDACTED}`;
  if (value === '' || value.startsWith('#') || isAboutSecret(name) || isHarmless(value)) return line;
  return `${line.slice(0, line.indexOf(':', indent))}: ${REDACTED}`;
}

function isHarmless(value: string): boolean {
  return value.length <= 8 && /^(?:true|false|null|~|\{\}|\[\]),?$/.test(value);
}
