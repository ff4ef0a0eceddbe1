import type { LabelRequirement, Labels } from './label-requirement.ts';

/**
 * All that a selector wants of one key. A selector may be as long as a request, 20,000 requirements, and is asked of every object of a list: its
 * requirements are folded once, so that an object costs no more than it has labels.
 */
interface KeyRule {
  needed: boolean;
  forbidden: boolean;
  /** The values that it may have; undefined where all are. */
  only: ReadonlySet<string> | undefined;
  readonly none: Set<string>;
  above: bigint | undefined;
  below: bigint | undefined;
}

/** Up to here it is as fast to ask each key of the selector as each of the object. */
const FEW = 8;
const NOTHING: ReadonlySet<string> = new Set();

export class KeyRules {
  readonly #rules = new Map<string, KeyRule>();
  readonly #needed: readonly string[];

  constructor(requirements: readonly LabelRequirement[]) {
    for (const requirement of requirements) this.#fold(requirement);
    this.#needed = [...this.#rules].flatMap(([key, { needed }]) => (needed ? [key] : []));
  }

  matches(labels: Labels): boolean {
    if (this.#rules.size <= FEW) {
      for (const [key, rule] of this.#rules) if (!holds(rule, ownValue(labels, key))) return false;
      return true;
    }
    // Of keys that are not there only those matter that are needed, and one of them ends it.
    for (const key of this.#needed) if (!Object.hasOwn(labels, key)) return false;
    for (const key of Object.keys(labels)) {
      const rule = this.#rules.get(key);
      if (rule !== undefined && !holds(rule, labels[key])) return false;
    }
    return true;
  }

  #fold({ key, operator, values }: LabelRequirement): void {
    const rule = this.#rules.get(key) ?? newRule();
    this.#rules.set(key, rule);
    switch (operator) {
      case '=':
      case '==':
      case 'in': {
        const { only } = rule;
        rule.needed = true;
        rule.only = new Set(only === undefined ? values : values.filter(value => only.has(value)));
        return;
      }
      case '!=':
      case 'notin':
        for (const value of values) rule.none.add(value);
        return;
      case 'exists':
        rule.needed = true;
        return;
      case '!':
        rule.forbidden = true;
        return;
      case 'gt':
      case 'lt': {
        const limit = parseInt64(values[0]);
        rule.needed = true;
        if (limit === undefined) rule.only = NOTHING;
        else if (operator === 'lt') rule.below = rule.below === undefined || limit < rule.below ? limit : rule.below;
        else rule.above = rule.above === undefined || limit > rule.above ? limit : rule.above;
      }
    }
  }
}

function newRule(): KeyRule {
  return { needed: false, forbidden: false, only: undefined, none: new Set(), above: undefined, below: undefined };
}

function ownValue(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function holds({ needed, forbidden, only, none, above, below }: KeyRule, value: string | undefined): boolean {
  if (value === undefined) return !needed;
  if (forbidden || only?.has(value) === false || none.has(value)) return false;
  if (above === undefined && below === undefined) return true;
  const have = parseInt64(value);
  return have !== undefined && (above === undefined || have > above) && (below === undefined || have < below);
}

/** The int64 of a text; undefined where it is none. */
export function parseInt64(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
