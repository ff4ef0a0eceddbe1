import { invalidArgument } from '../base/errors.ts';

/**
 * Resource quantities (`100m`, `1.5Gi`, `2e3`), exact. A quantity is a whole number of nano units; what is finer is
 * rounded away from zero, as upstream rounds.
 */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface ExactQuantity {
  readonly nano: bigint;
  /** The notation that the text used, and that its canonical form keeps. */
  readonly format: QuantityFormat;
}

const DECIMAL_SUFFIXES = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const DECIMAL_BY_EXPONENT = new Map([...DECIMAL_SUFFIXES].map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const NANO = 10n ** 9n;
const MILLI_IN_NANO = 10n ** 6n;
/** Upstream caps binary quantities here. */
const MAX_INT64 = 2n ** 63n - 1n;
/** Longer numbers name no resource on earth and would only cost time. */
const MAX_DIGITS = 100;
/** More than those digits, a sign, a point and a suffix need. The pattern takes quadratic time, and what was parsed is kept: both only for short texts. */
const MAX_TEXT = 250;

const FORMAT_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC_ERROR = 'unable to parse numeric part of quantity';
const SUFFIX_ERROR = "unable to parse quantity's suffix";

/** What was parsed last: a cluster writes few quantities, each of them very often. Emptied when full, so that nobody can make it grow. */
const PARSED = new Map<string, ExactQuantity>();
const MAX_PARSED = 1000;

/** Parses a quantity. Throws `invalid-argument` with upstream's text. */
export function parseQuantity(text: string): ExactQuantity {
  const known = PARSED.get(text);
  if (known !== undefined) return known;
  const parsed = parseText(text);
  if (PARSED.size >= MAX_PARSED) PARSED.clear();
  PARSED.set(text, parsed);
  return parsed;
}

function parseText(text: string): ExactQuantity {
  if (text.length > MAX_TEXT) throw invalidArgument(NUMERIC_ERROR);
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(text);
  if (text === '' || match === null) throw invalidArgument(FORMAT_ERROR);
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  const unit = parseSuffix(suffix);
  // As in upstream, no digits at all are a zero, but for units that its fast path does not take.
  if (whole === '' && fraction === '' && (unit.exponent < -9 || (unit.format === 'BinarySI' && unit.exponent >= 50)))
    throw invalidArgument(NUMERIC_ERROR);
  if (whole.length + fraction.length > MAX_DIGITS) throw invalidArgument(NUMERIC_ERROR);
  const digits = BigInt(whole + fraction);
  const scale = BigInt(10) ** BigInt(fraction.length);
  let nano: bigint;
  if (unit.format === 'BinarySI') {
    nano = divideAwayFromZero(digits * 2n ** BigInt(unit.exponent) * NANO, scale);
    if (nano > MAX_INT64 * NANO) nano = MAX_INT64 * NANO;
  } else if (unit.exponent + 9 >= 0) {
    nano = divideAwayFromZero(digits * 10n ** BigInt(unit.exponent + 9), scale);
  } else {
    nano = divideAwayFromZero(digits, scale * 10n ** BigInt(-unit.exponent - 9));
  }
  // Below one, upstream turns a binary quantity into a decimal one.
  const format = unit.format === 'BinarySI' && nano > 0n && nano < NANO ? 'DecimalSI' : unit.format;
  return { nano: sign === '-' ? -nano : nano, format };
}

function parseSuffix(suffix: string): { readonly exponent: number; readonly format: QuantityFormat } {
  const decimal = DECIMAL_SUFFIXES.get(suffix);
  if (decimal !== undefined) return { exponent: decimal, format: 'DecimalSI' };
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  if (binary > 0) return { exponent: binary * 10, format: 'BinarySI' };
  if (!/^[eE][-+]?[0-9]+$/.test(suffix)) throw invalidArgument(SUFFIX_ERROR);
  const exponent = Number(suffix.slice(1));
  if (Math.abs(exponent) > MAX_DIGITS) throw invalidArgument(SUFFIX_ERROR);
  return { exponent, format: 'DecimalExponent' };
}

/** The canonical text: no precision lost, no fraction, the largest suffix that fits. */
export function formatQuantity(quantity: ExactQuantity): string {
  const { nano, format } = quantity;
  if (nano === 0n) return '0';
  if (format === 'BinarySI' && nano % NANO === 0n) {
    let value = nano / NANO;
    if (value <= -1024n || value >= 1024n) {
      let power = 0;
      while (value % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
        value /= 1024n;
        power++;
      }
      return `${value}${BINARY_SUFFIXES[power]}`;
    }
  }
  let value = nano;
  let exponent = -9;
  const largest = format === 'DecimalExponent' ? Number.POSITIVE_INFINITY : 18;
  while (value % 1000n === 0n && exponent < largest) {
    value /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${value}` : `${value}e${exponent}`;
  return `${value}${DECIMAL_BY_EXPONENT.get(exponent)}`;
}

/** The text under which a client's text is kept. Throws `invalid-argument` with upstream's text. */
export function canonicalQuantity(text: string): string {
  const parsed = parseQuantity(text);
  return isKept(text) ? text : formatQuantity(parsed);
}

/** Digits that upstream's fast path takes. */
const FAST_DIGITS = 18;

/**
 * Whether upstream takes a text for canonical by a look at its digits, and keeps it: `1.125` stays, `1.5` becomes `1500m`; so
 * does `+5`. The text is a valid quantity.
 */
function isKept(text: string): boolean {
  const match = /^[+-]?0*([0-9]*)(?:\.([0-9]*))?(.*)$/.exec(text);
  const [, whole = '', fraction = '', suffix = ''] = match ?? [];
  const { exponent, format } = parseSuffix(suffix);
  if (whole === '') return false;
  if (format === 'BinarySI') {
    if (fraction !== '' || 15 - whole.length - Math.trunc((exponent * 3) / 10) - 1 < 0) return false;
    return Number(whole.slice(-3)) % 8 !== 0;
  }
  const scale = exponent - fraction.length;
  const digits = whole + fraction;
  return digits.length <= FAST_DIGITS && scale >= -9 && scale % 3 === 0 && !digits.endsWith('000');
}

/** -1, 0 or 1. */
export function compareQuantities(a: string, b: string): -1 | 0 | 1 {
  const left = parseQuantity(a).nano;
  const right = parseQuantity(b).nano;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** a + b in the notation of a, or of b where a is zero. */
export function addQuantities(a: string, b: string): string {
  const left = parseQuantity(a);
  const right = parseQuantity(b);
  return formatQuantity({
    nano: left.nano + right.nano,
    format: left.nano === 0n ? right.format : left.format,
  });
}

/** a - b in the notation of a, or of b where a is zero. */
export function subtractQuantities(a: string, b: string): string {
  const left = parseQuantity(a);
  const right = parseQuantity(b);
  return formatQuantity({
    nano: left.nano - right.nano,
    format: left.nano === 0n ? right.format : left.format,
  });
}

/** The larger of two; the first where they are equal. */
export function maxQuantity(a: string, b: string): string {
  return compareQuantities(a, b) >= 0 ? a : b;
}

/** Whole units (bytes of memory), rounded away from zero. Exact below 2^53, the nearest double above. */
export function quantityValue(text: string): number {
  return Number(divideAwayFromZero(parseQuantity(text).nano, NANO));
}

/** Thousandths (milli-CPUs), rounded away from zero. Exact below 2^53, the nearest double above. */
export function quantityMilliValue(text: string): number {
  return Number(divideAwayFromZero(parseQuantity(text).nano, MILLI_IN_NANO));
}

/** The quantity rounded away from zero to thousandths, canonical: what upstream does to every resource of a pod. */
export function roundQuantityToMilli(text: string): string {
  const { nano, format } = parseQuantity(text);
  return formatQuantity({ nano: divideAwayFromZero(nano, MILLI_IN_NANO) * MILLI_IN_NANO, format });
}

/** The canonical text of a whole number of units. */
export function quantityOf(value: number | bigint, format: QuantityFormat): string {
  return formatQuantity({ nano: BigInt(value) * NANO, format });
}

function divideAwayFromZero(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  if (quotient * b === a) return quotient;
  return a < 0n ? quotient - 1n : quotient + 1n;
}
