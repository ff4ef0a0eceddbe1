import { goQuote } from '../go-quote.ts';
import { badRequestError } from '../status.ts';
import { SelectorSyntaxError } from './selector-syntax-error.ts';

export interface FieldRequirement {
  /** `metadata.name`, `spec.nodeName`, … */
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** All requirements must hold; none means everything matches. */
export class FieldSelector {
  static readonly everything = new FieldSelector([]);

  readonly requirements: readonly FieldRequirement[];
  /** By field; made when first asked. */
  #rules: ReadonlyMap<string, FieldRule> | undefined;

  constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  /** `fields` answers the value of a field; one that is absent counts as empty, as upstream has it. */
  matches(fields: (field: string) => string | undefined): boolean {
    this.#rules ??= rulesOf(this.requirements);
    for (const [field, { all, none }] of this.#rules) {
      const value = fields(field) ?? '';
      if (none.has(value) || all.size > 1 || (all.size === 1 && !all.has(value))) return false;
    }
    return true;
  }

  isEmpty(): boolean {
    return this.requirements.length === 0;
  }

  /** The value that a field must have exactly, undefined where the selector does not say. */
  requiredValue(field: string): string | undefined {
    return this.requirements.find(r => r.field === field && r.operator === '=')?.value;
  }

  toString(): string {
    return this.requirements.map(({ field, operator, value }) => `${field}${operator}${escapeValue(value)}`).join(',');
  }
}

/** What a selector wants of one field: to be all of some values at once, and none of others. It may have thousands of each. */
interface FieldRule {
  readonly all: Set<string>;
  readonly none: Set<string>;
}

function rulesOf(requirements: readonly FieldRequirement[]): ReadonlyMap<string, FieldRule> {
  const rules = new Map<string, FieldRule>();
  for (const { field, operator, value } of requirements) {
    const rule = rules.get(field) ?? { all: new Set(), none: new Set() };
    rules.set(field, rule);
    (operator === '=' ? rule.all : rule.none).add(value);
  }
  return rules;
}

/**
 * Parses the text of `fieldSelector`: `a=b`, `a==b`, `a!=b` joined by commas; `\`, `,` and `=` inside a value stand behind a
 * backslash. Throws SelectorSyntaxError with upstream's message. Which fields exist is the kind's business.
 */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements = splitTerms(text)
    .toSorted()
    .filter(term => term !== '')
    .map(term => parseTerm(text, term));
  return new FieldSelector(requirements);
}

/**
 * The selector of a query parameter over the fields that the kind can select by; `alias` turns old names into today's. A
 * malformed selector or an unknown field is a 400 in upstream's words.
 */
export function fieldSelectorParameter(
  text: string | null,
  selectable: ReadonlySet<string>,
  alias: Readonly<Record<string, string>> = {},
): FieldSelector {
  if (text === null || text === '') return FieldSelector.everything;
  let selector: FieldSelector;
  try {
    selector = parseFieldSelector(text);
  } catch (error) {
    if (error instanceof SelectorSyntaxError) throw badRequestError(error.message);
    throw error;
  }
  const requirements = selector.requirements.map(requirement => {
    const field = Object.hasOwn(alias, requirement.field) ? (alias[requirement.field] ?? '') : requirement.field;
    if (!selectable.has(field)) throw badRequestError(unknownField(requirement.field, selectable));
    return { ...requirement, field };
  });
  return new FieldSelector(requirements);
}

/** Upstream words it apart where a kind can be selected by its metadata alone. */
function unknownField(field: string, selectable: ReadonlySet<string>): string {
  const hasOwn = [...selectable].some(name => !name.startsWith('metadata.'));
  return hasOwn
    ? `field label not supported: ${field}`
    : `${goQuote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(whole: string, term: string): FieldRequirement {
  // The first operator splits: a field's name cannot hold one.
  const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
  if (match === null) throw new SelectorSyntaxError(`invalid selector: '${whole}'; can't understand '${term}'`);
  const [, field = '', operator, value = ''] = match;
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) };
}

function unescapeValue(text: string): string {
  let value = '';
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === ',' || char === '=')
      throw new SelectorSyntaxError(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    if (char !== '\\') {
      value += char;
      continue;
    }
    const next = text.charAt(++i);
    if (!/^[\\,=]$/.test(next))
      throw new SelectorSyntaxError(`invalid field selector: invalid escape sequence: \\${next}`);
    value += next;
  }
  return value;
}

function escapeValue(value: string): string {
  return value.replace(/[\\,=]/g, char => `\\${char}`);
}
