import { describe, expect, it } from 'vitest';
import { RawText } from '../../../../src/api/raw-text.ts';
import { parseStored } from '../../../../src/apiserver/handlers/parse-stored.ts';

const fields = { 'f:data': { '.': {}, 'f:a"}{b': {} } };
const entry = (manager: string) => ({ manager, operation: 'Update', fieldsType: 'FieldsV1', fieldsV1: fields });
const metadata = (...entries: object[]) => ({ name: 'x', managedFields: entries });
const lookalike = { managedFields: [{ fieldsV1: { 'f:a': {} } }] };

/** What JSON.stringify makes of it is what it was. */
describe('a stored text', () => {
  it.each([
    ['without managers', { metadata: { name: 'x' }, data: { a: '1' } }],
    ['with one', { metadata: metadata(entry('a')) }],
    ['with several', { metadata: metadata(entry('a'), entry('b')), spec: {} }],
    ['with one that has no fields', { metadata: metadata({ manager: 'a' }, entry('b')) }],
    ['with an annotation that looks like them', { metadata: { annotations: { a: JSON.stringify(lookalike) } } }],
    ['with data that look like them', { metadata: { name: 'x' }, data: lookalike }],
    ['with both', { metadata: metadata(entry('a')), data: lookalike }],
    ['with a name that ends like theirs', { metadata: metadata(entry('a')), data: { 'x\\"fieldsV1': { a: 1 } } }],
    ['with numbers in their place', { metadata: metadata({ manager: 'a', fieldsV1: 0 }, entry('b')) }],
    ['of null', null],
  ])('%s is read as JSON.parse reads it', (_, value) => {
    expect(JSON.parse(JSON.stringify(parseStored(JSON.stringify(value))))).toEqual(value);
  });

  it('keeps the fields of managers as texts, the same text once', () => {
    const read = (): { metadata: { managedFields: readonly { fieldsV1: unknown }[] } } =>
      parseStored(JSON.stringify({ metadata: metadata(entry('a'), entry('b')) })) as ReturnType<typeof read>;
    const [a, b] = read().metadata.managedFields;
    expect(a?.fieldsV1).toBeInstanceOf(RawText);
    expect([a?.fieldsV1 === b?.fieldsV1, a?.fieldsV1 === read().metadata.managedFields[0]?.fieldsV1]).toEqual([
      true,
      true,
    ]);
  });

  it.each([
    ['cut within the fields', '{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{'],
    ['with fields that are no JSON', '{"metadata":{"managedFields":[{"fieldsV1":{a}}]}}'],
    ['with more behind the fields', '{"metadata":{"managedFields":[{"fieldsV1":{}}}]}}'],
  ])('%s is no JSON', (_, text) => {
    expect(() => parseStored(text)).toThrow(SyntaxError);
  });
});
