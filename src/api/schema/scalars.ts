import { errorMessage } from '../../base/errors.ts';
import { canonicalBase64 } from '../base64.ts';
import { canonicalDuration } from '../duration.ts';
import { canonicalQuantity } from '../quantity.ts';
import { remembered } from '../remembered.ts';
import { canonicalMicroTime, canonicalTime } from '../time.ts';

/**
 * The scalar types of the API: what JSON they accept, what is kept of it, and Go's zero value. The text of a refusal is
 * upstream's, after the field's path.
 */
export interface ScalarRule {
  /** Go's zero value in JSON; undefined where Go has none that is written (a zero time is null). */
  readonly zero: unknown;
  /** Returns the value in the form that upstream would write it, or the reason against it. */
  readonly accept: (value: string | number | boolean, source: string | undefined) => Accepted;
  /** The JSON types it may have, for OpenAPI. */
  readonly json: readonly ('string' | 'integer' | 'number' | 'boolean' | 'any')[];
}

/** `refused: 'type'` is JSON of a wrong type; other text is a reason of its own. */
export type Accepted = { readonly value: unknown } | { readonly refused: string };

const WRONG_TYPE: Accepted = { refused: 'type' };

function integer(min: bigint, max: bigint): ScalarRule {
  const low = Number(min);
  const high = Number(max);
  return {
    zero: 0,
    json: ['integer'],
    accept: (value, source) => {
      if (typeof value !== 'number') return WRONG_TYPE;
      if (source === undefined && Number.isSafeInteger(value) && value >= low && value <= high) return { value };
      // Go refuses a fraction, and an exponent, for an integer; text such as 1e3 comes from JSON only.
      if (!Number.isInteger(value) || (source !== undefined && /[.eE]/.test(source))) return { refused: 'integer' };
      const exact = BigInt(source !== undefined && /^-?\d+$/.test(source) ? source : value);
      if (exact < min || exact > max) return { refused: 'integer' };
      // A double holds no more; no field of the API comes near.
      return Number.isSafeInteger(value)
        ? { value }
        : { refused: `${exact} is beyond 2^53, which Gantry does not keep exactly` };
    },
  };
}

function text(zero: unknown, canonical: (value: string) => string): ScalarRule {
  return {
    zero,
    json: ['string'],
    accept: value => (typeof value === 'string' ? attempt(() => canonical(value)) : WRONG_TYPE),
  };
}

function attempt(canonical: () => unknown): Accepted {
  try {
    return { value: canonical() };
  } catch (error) {
    return { refused: errorMessage(error) };
  }
}

const quantityText = remembered(canonicalQuantity);
const INT32 = integer(-(2n ** 31n), 2n ** 31n - 1n);
const INT64 = integer(-(2n ** 63n), 2n ** 63n - 1n);

const RAW_JSON: ScalarRule = { zero: undefined, json: ['any'], accept: value => ({ value }) };

const RULES = {
  string: text('', value => value),
  bool: {
    zero: false,
    json: ['boolean'],
    accept: value => (typeof value === 'boolean' ? { value } : WRONG_TYPE),
  },
  int32: INT32,
  int64: INT64,
  uint32: integer(0n, 2n ** 32n - 1n),
  float64: {
    zero: 0,
    json: ['number'],
    accept: value => (typeof value === 'number' ? { value } : WRONG_TYPE),
  },
  bytes: text('', canonicalBase64),
  Quantity: {
    zero: '0',
    json: ['string', 'number'],
    accept: (value, source) =>
      typeof value === 'boolean'
        ? WRONG_TYPE
        : attempt(() => quantityText(typeof value === 'string' ? value.trim() : (source ?? String(value)))),
  },
  IntOrString: {
    zero: 0,
    json: ['integer', 'string'],
    accept: (value, source) => (typeof value === 'string' ? { value } : INT32.accept(value, source)),
  },
  Time: text(undefined, remembered(canonicalTime)),
  MicroTime: text(undefined, canonicalMicroTime),
  Duration: text('0s', canonicalDuration),
  DurationOrNanoseconds: {
    zero: '0s',
    json: ['string', 'integer'],
    accept: (value, source) =>
      typeof value === 'string' ? attempt(() => canonicalDuration(value)) : INT64.accept(value, source),
  },
  RawJson: RAW_JSON,
  // Upstream reads these parts of a CRD's schema with decoders of their own, which look for no unknown fields.
  JSONSchemaPropsOrArray: RAW_JSON,
  JSONSchemaPropsOrBool: RAW_JSON,
  JSONSchemaPropsOrStringArray: RAW_JSON,
} satisfies Record<string, ScalarRule>;

export type ScalarName = keyof typeof RULES;

export function isScalarName(name: string): name is ScalarName {
  return Object.hasOwn(RULES, name);
}

export function scalarRule(name: ScalarName): ScalarRule {
  return RULES[name];
}

/** True for the scalars that hold any JSON. */
export function isRawJson(name: ScalarName): boolean {
  return RULES[name] === RAW_JSON;
}
