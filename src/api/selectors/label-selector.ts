import { badRequestError } from '../status.ts';
import type { LabelSelector as LabelSelectorObject } from '../types/gen/meta-v1.ts';
import { fieldErrorText, invalid, type notSupported } from '../validation/field-error.ts';
import { labelValue, qualifiedName } from '../validation/names.ts';
import { KeyRules, parseInt64 } from './key-rules.ts';
import type { LabelOperator, LabelRequirement, Labels } from './label-requirement.ts';
import { tokenizeLabelSelector } from './label-tokens.ts';
import { SelectorSyntaxError } from './selector-syntax-error.ts';

const NO_LABELS: Labels = {};

/** All requirements must hold; none means everything matches. */
export class LabelSelector {
  static readonly everything = new LabelSelector([]);

  readonly requirements: readonly LabelRequirement[];
  /** Made when first asked: most selectors are only written. */
  #rules: KeyRules | undefined;

  constructor(requirements: readonly LabelRequirement[]) {
    this.requirements = requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  matches(labels: Labels | undefined): boolean {
    this.#rules ??= new KeyRules(this.requirements);
    return this.#rules.matches(labels ?? NO_LABELS);
  }

  isEmpty(): boolean {
    return this.requirements.length === 0;
  }

  /** The selector in canonical form; parsing it gives an equal selector. */
  toString(): string {
    return this.requirements.map(requirementText).join(',');
  }
}

/**
 * Parses the text of `labelSelector`: equality (`a=b`, `a==b`, `a!=b`), sets (`a in (b,c)`, `a notin (b)`), presence (`a`, `!a`)
 * and order (`a>1`, `a<9`), joined by commas. Throws SelectorSyntaxError with upstream's message.
 */
export function parseLabelSelector(text: string): LabelSelector {
  return new LabelSelector(new LabelParser(text).parse());
}

/** The selector of a query parameter; a malformed one is a 400 as upstream words it. */
export function labelSelectorParameter(text: string | null): LabelSelector {
  if (text === null || text === '') return LabelSelector.everything;
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (error instanceof SelectorSyntaxError) throw badRequestError(error.message);
    throw error;
  }
}

const OBJECT_OPERATORS: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/** The selector of a `LabelSelector` object. An absent one matches nothing, an empty one everything, as everywhere in the API. */
export function labelSelectorOf(object: LabelSelectorObject | undefined | null): LabelSelector | undefined {
  // null is how Go writes an absent one where the field is always written
  if (object === undefined || object === null) return undefined;
  const requirements: LabelRequirement[] = Object.entries(object.matchLabels ?? {}).map(([key, value]) =>
    labelRequirement(key, '=', [value]),
  );
  for (const { key, operator, values } of object.matchExpressions ?? []) {
    const known = Object.hasOwn(OBJECT_OPERATORS, operator) ? OBJECT_OPERATORS[operator] : undefined;
    if (known === undefined)
      throw new SelectorSyntaxError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(labelRequirement(key, known, values ?? []));
  }
  return new LabelSelector(requirements);
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  const list = values.toSorted().join(',');
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`;
    case 'gt':
      return `${key}>${list}`;
    case 'lt':
      return `${key}<${list}`;
    default:
      return `${key}${operator}${list}`;
  }
}

/** A requirement whose key and values are well formed. Throws with every reason against it. */
export function labelRequirement(key: string, operator: LabelOperator, values: readonly string[]): LabelRequirement {
  const errors = keyErrors('key', key);
  const set = operator === 'in' || operator === 'notin';
  if (set && values.length === 0)
    errors.push(invalid('values', values, "for 'in', 'notin' operators, values set can't be empty"));
  if ((operator === '=' || operator === '==' || operator === '!=') && values.length !== 1)
    errors.push(invalid('values', values, 'exact-match compatibility requires one single value'));
  if ((operator === 'exists' || operator === '!') && values.length !== 0)
    errors.push(invalid('values', values, 'values set must be empty for exists and does not exist'));
  if (operator === 'gt' || operator === 'lt')
    for (const [i, value] of values.entries())
      if (parseInt64(value) === undefined)
        errors.push(invalid(`values[${i}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"));
  for (const [i, value] of values.entries()) {
    const reasons = labelValue(value);
    if (reasons.length > 0) errors.push(invalid(`values[${i}][${key}]`, value, reasons.join('; ')));
  }
  if (errors.length > 0) throw SelectorSyntaxError.of(errors.map(fieldErrorText));
  return { key, operator, values };
}

function keyErrors(field: string, key: string): ReturnType<typeof notSupported>[] {
  const reasons = qualifiedName(key);
  return reasons.length === 0 ? [] : [invalid(field, key, reasons.join('; '))];
}

const BINARY: Readonly<Record<string, LabelOperator>> = {
  '=': '=',
  '==': '==',
  '!=': '!=',
  in: 'in',
  notin: 'notin',
  '>': 'gt',
  '<': 'lt',
};

/** Recursive descent over the tokens. `in` and `notin` are operators only where an operator may stand. */
class LabelParser {
  readonly #tokens;
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokenizeLabelSelector(text);
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') return requirements;
      if (!startsRequirement(token.kind))
        throw new SelectorSyntaxError(`found '${token.text}', expected: !, identifier, or 'end of string'`);
      try {
        requirements.push(this.#requirement());
      } catch (error) {
        if (error instanceof SelectorSyntaxError)
          throw new SelectorSyntaxError(`unable to parse requirement: ${error.message}`);
        throw error;
      }
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.kind !== ',') throw new SelectorSyntaxError(`found '${next.text}', expected: ',' or 'end of string'`);
      const after = this.#peek();
      if (!startsRequirement(after.kind))
        throw new SelectorSyntaxError(`found '${after.text}', expected: identifier after ','`);
    }
  }

  #peek(): LabelToken {
    return this.#tokens[this.#at] ?? END;
  }

  #take(): LabelToken {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #requirement(): LabelRequirement {
    let token = this.#take();
    const absent = token.kind === '!';
    if (absent) token = this.#take();
    if (token.kind !== 'word') throw new SelectorSyntaxError(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const errors = keyErrors('<nil>', key);
    if (errors.length > 0) throw SelectorSyntaxError.of(errors.map(fieldErrorText));
    const next = this.#peek().kind;
    if (absent) return labelRequirement(key, '!', []);
    if (next === 'end' || next === ',') return labelRequirement(key, 'exists', []);
    const operatorToken = this.#take();
    const operator = Object.hasOwn(BINARY, operatorToken.text) ? BINARY[operatorToken.text] : undefined;
    if (operator === undefined)
      throw new SelectorSyntaxError(`found '${operatorToken.text}', expected: in, notin, =, ==, !=, gt, lt`);
    const values = operator === 'in' || operator === 'notin' ? this.#set() : this.#value();
    return labelRequirement(key, operator, [...new Set(values)].toSorted());
  }

  #value(): readonly string[] {
    const next = this.#peek();
    if (next.kind === 'end' || next.kind === ',') return [''];
    this.#at++;
    if (next.kind !== 'word') throw new SelectorSyntaxError(`found '${next.text}', expected: identifier`);
    return [next.text];
  }

  #set(): readonly string[] {
    const open = this.#take();
    if (open.kind !== '(') throw new SelectorSyntaxError(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.kind === ')') {
      this.#at++;
      return [''];
    }
    if (first.kind !== 'word' && first.kind !== ',')
      throw new SelectorSyntaxError(`found '${first.text}', expected: ',', ')' or identifier`);
    const values = this.#list();
    this.#at++; // the closing bracket, which the list has seen
    return values;
  }

  #list(): readonly string[] {
    const values: string[] = [];
    for (;;) {
      const token = this.#take();
      const next = this.#peek();
      if (token.kind === 'word') {
        values.push(token.text);
        if (next.kind === ')') return values;
        if (next.kind !== ',') throw new SelectorSyntaxError(`found '${next.text}', expected: ',' or ')'`);
      } else if (token.kind === ',') {
        // An empty place before, between or behind commas is the empty value.
        if (values.length === 0 || next.kind === ',') values.push('');
        if (next.kind === ')') return [...values, ''];
      } else throw new SelectorSyntaxError(`found '${token.text}', expected: ',', or identifier`);
    }
  }
}

type LabelToken = ReturnType<typeof tokenizeLabelSelector>[number];
const END: LabelToken = { kind: 'end', text: '' };

function startsRequirement(kind: LabelToken['kind']): boolean {
  return kind === 'word' || kind === '!';
}
