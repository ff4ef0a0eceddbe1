import { describe, expect, it } from 'vitest';
import { fieldSelectorParameter, parseFieldSelector } from '../../../../src/api/selectors/field-selector.ts';

/** Text and canonical text, as upstream's own parser answers. */
const READ: readonly (readonly [text: string, canonical: string])[] = [
  ['metadata.name=x', 'metadata.name=x'],
  ['a==b', 'a=b'],
  ['a!=b', 'a!=b'],
  ['a=b,c!=d', 'a=b,c!=d'],
  ['', ''],
  ['a=', 'a='],
  ['a=b\\,c', 'a=b\\,c'],
  ['a=b\\=c', 'a=b\\=c'],
  ['a=b\\\\', 'a=b\\\\'],
  [',a=b,', 'a=b'],
  ['=b', '=b'],
  ['!=b', '!=b'],
  ['b=1,a=2', 'a=2,b=1'],
  ['a=b,,c=d', 'a=b,c=d'],
  ['a\\,b=c', 'a\\,b=c'],
];

/** Text and message, as upstream's own parser words it. */
const REFUSED: readonly (readonly [text: string, message: string])[] = [
  ['a', "invalid selector: 'a'; can't understand 'a'"],
  ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
  ['a=b\\x', 'invalid field selector: invalid escape sequence: \\x'],
  ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ['a\\=b=c', 'invalid field selector: unescaped character in value: 61'],
];

const POD_FIELDS = new Set(['metadata.name', 'metadata.namespace', 'spec.nodeName']);

describe('field selectors', () => {
  it.each(READ)('reads %j', (text, canonical) => {
    expect(parseFieldSelector(text).toString()).toBe(canonical);
  });

  it.each(REFUSED)('refuses %j', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
    expect(() => fieldSelectorParameter(text, POD_FIELDS)).toThrow(expect.objectContaining({ httpCode: 400, message }));
  });

  it('takes an absent field for the empty value', () => {
    const selector = parseFieldSelector('spec.nodeName=');
    expect(selector.matches(() => undefined)).toBe(true);
    expect(selector.matches(() => 'node1')).toBe(false);
  });

  it('gives the value that a field must have', () => {
    const selector = parseFieldSelector('metadata.name=a,spec.nodeName!=b');
    expect(selector.requiredValue('metadata.name')).toBe('a');
    expect(selector.requiredValue('spec.nodeName')).toBeUndefined();
  });

  it('refuses a field that the kind has not got', () => {
    expect(() => fieldSelectorParameter('__proto__=x', POD_FIELDS)).toThrow(
      expect.objectContaining({ httpCode: 400, message: 'field label not supported: __proto__' }),
    );
  });

  it('names the two fields that every kind has, where there are no others', () => {
    expect(() => fieldSelectorParameter('spec.x=1', new Set(['metadata.name', 'metadata.namespace']))).toThrow(
      expect.objectContaining({
        httpCode: 400,
        message: '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
      }),
    );
  });

  it('turns an old name into the one of today', () => {
    const selector = fieldSelectorParameter('spec.host=n', POD_FIELDS, { 'spec.host': 'spec.nodeName' });
    expect(selector.requiredValue('spec.nodeName')).toBe('n');
  });

  it('has nothing to say without text', () => {
    expect(fieldSelectorParameter(null, POD_FIELDS).isEmpty()).toBe(true);
  });
});
