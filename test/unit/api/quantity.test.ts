import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  maxQuantity,
  parseQuantity,
  quantityMilliValue,
  quantityOf,
  quantityValue,
  roundQuantityToMilli,
  subtractQuantities,
} from '../../../src/api/quantity.ts';

describe('the canonical form of a quantity', () => {
  it.each([
    ['a whole number stays', '5', '5'],
    ['a fraction becomes thousandths', '0.5', '500m'],
    ['half a core in thousandths stays', '500m', '500m'],
    ['a thousand thousandths are one', '1000m', '1'],
    ['the largest suffix is taken', '1000000', '1M'],
    ['a binary fraction goes down one suffix', '1.5Gi', '1536Mi'],
    ['binary units are joined', '1024Mi', '1Gi'],
    ['bytes below 1024 lose the binary notation', '1000Ki', '1000Ki'],
    ['a binary quantity below 1024 is written plainly', '0.5Ki', '512'],
    ['an exponent stays an exponent, in steps of three', '12e5', '1200e3'],
    ['an exponent of zero stays', '1e0', '1e0'],
    ['a big E is an exponent when digits follow', '1000E3', '1e6'],
    ['a text that looks canonical to upstream is kept', '1E3', '1E3'],
    ['so is a fraction of three digits', '1.125', '1.125'],
    ['but not one that ends in zeros', '1.000', '1'],
    ['nor one that begins with a zero', '0.125', '125m'],
    ['a fraction of six digits is kept with its suffix', '2.000125k', '2.000125k'],
    ['more digits than upstream counts fast are not kept', '1234567890123456.125', '1234567890123456125m'],
    ['a unit without a number is zero', 'G', '0'],
    ['a big E alone is 10^18', '2E', '2E'],
    ['nano is the finest', '1n', '1n'],
    ['what is finer is rounded up', '0.0000000001', '1n'],
    ['zero is zero in any notation', '0Gi', '0'],
    ['a sign of plus stays where the rest does', '+5', '+5'],
    ['and goes where it does not', '+1000', '1k'],
    ['a minus stays', '-5m', '-5m'],
    ['binary quantities are capped at 2^63-1', '8Ei', '9223372036854775807'],
    ['a number may begin with a dot', '.5', '500m'],
    ['a number may end with a dot', '5.', '5.'],
  ])('%s: %s is %s', (_, text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });
});

describe('what is no quantity', () => {
  it.each([
    ['', 'quantities must match the regular expression'],
    ['abc', 'quantities must match the regular expression'],
    ['1 Gi', 'quantities must match the regular expression'],
    ['12Zi', 'quantities must match the regular expression'],
    ['12K', "unable to parse quantity's suffix"],
    ['MG', "unable to parse quantity's suffix"],
    ['Ei', 'unable to parse numeric part of quantity'],
    ['5mi', "unable to parse quantity's suffix"],
    ['1e', "unable to parse quantity's suffix"],
    ['1.2.3', 'quantities must match the regular expression'],
    ['1e999999999', "unable to parse quantity's suffix"],
    ['9'.repeat(200), 'unable to parse numeric part of quantity'],
  ])('%s is refused with the text of upstream', (text, message) => {
    expect(() => parseQuantity(text)).toThrow(message);
  });
});

describe('values of a quantity', () => {
  it.each([
    ['memory in bytes', quantityValue('64Mi'), 67108864],
    ['a fraction of a byte counts as one', quantityValue('1m'), 1],
    ['a core in thousandths', quantityMilliValue('1'), 1000],
    ['less than a thousandth counts as one', quantityMilliValue('1u'), 1],
  ])('%s', (_, value, expected) => {
    expect(value).toBe(expected);
  });

  it('rounds resources of a pod up to thousandths', () => {
    expect(roundQuantityToMilli('1500u')).toBe('2m');
  });

  it('keeps the notation of the first operand, or of the second where the first is zero', () => {
    expect(addQuantities('1Gi', '512Mi')).toBe('1536Mi');
    expect(addQuantities('0', '1Gi')).toBe('1Gi');
    expect(subtractQuantities('1', '1500m')).toBe('-500m');
    expect(maxQuantity('999m', '1')).toBe('1');
    expect(quantityOf(2048, 'BinarySI')).toBe('2Ki');
  });
});

const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'P', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'e-3');
const quantity = fc
  .tuple(fc.nat({ max: 10 ** 6 }), fc.option(fc.nat({ max: 999 }), { nil: undefined }), suffix)
  .map(([whole, fraction, unit]) => `${whole}${fraction === undefined ? '' : `.${fraction}`}${unit}`);

describe('laws of quantities', () => {
  const seeded = { seed: 36, numRuns: 500 };

  it('the canonical form is the same quantity and its own canonical form', () => {
    fc.assert(
      fc.property(quantity, text => {
        const canonical = canonicalQuantity(text);
        expect(parseQuantity(canonical).nano).toBe(parseQuantity(text).nano);
        expect(canonicalQuantity(canonical)).toBe(canonical);
      }),
      seeded,
    );
  });

  it('addition is exact, and subtraction takes it back', () => {
    fc.assert(
      fc.property(quantity, quantity, (a, b) => {
        const sum = addQuantities(a, b);
        expect(parseQuantity(sum).nano).toBe(parseQuantity(a).nano + parseQuantity(b).nano);
        expect(compareQuantities(subtractQuantities(sum, b), a)).toBe(0);
      }),
      seeded,
    );
  });

  it('comparison agrees with the exact values', () => {
    fc.assert(
      fc.property(quantity, quantity, (a, b) => {
        const difference = parseQuantity(a).nano - parseQuantity(b).nano;
        expect(compareQuantities(a, b)).toBe(difference < 0n ? -1 : Number(difference > 0n));
      }),
      seeded,
    );
  });

  it('any number of nano units survives any notation', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.constantFrom('DecimalSI' as const, 'DecimalExponent' as const), (nano, format) => {
        fc.pre(nano > -(10n ** 60n) && nano < 10n ** 60n);
        expect(parseQuantity(formatQuantity({ nano, format })).nano).toBe(nano);
      }),
      seeded,
    );
  });
});
