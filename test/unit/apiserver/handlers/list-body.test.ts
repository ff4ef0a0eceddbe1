import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type JsonItem, listText } from '../../../../src/apiserver/handlers/list-body.ts';
import { JSON_TYPE, YAML_TYPE } from '../../../../src/apiserver/negotiation/negotiate.ts';

const agreement = (mediaType: typeof JSON_TYPE, pretty = false) => ({
  mediaType,
  pretty,
  conversion: undefined,
  stream: '',
  profile: '',
});
const HEAD = { kind: 'XList', apiVersion: 'v1', metadata: { resourceVersion: '7' } };
const ITEMS: JsonItem[] = [Buffer.from('"a":"x\\ny","b":[1,{"c":"]}"}]}'), { z: {}, y: [] }];
const VALUES = [
  { a: 'x\ny', b: [1, { c: ']}' }] },
  { z: {}, y: [] },
];
const signal = new AbortController().signal;
const textOf = async (...args: Parameters<typeof listText>): Promise<string> =>
  Buffer.concat(await listText(...args)).toString();

describe.each([
  ['no items', [], []],
  ['one', ITEMS.slice(0, 1), VALUES.slice(0, 1)],
  ['several', ITEMS, VALUES],
])('a list of %s', (_, items, values) => {
  const whole = { ...HEAD, items: values };

  it('is what JSON.stringify makes of it', async () => {
    expect(await textOf(agreement(JSON_TYPE), HEAD, 'items', items, signal)).toBe(`${JSON.stringify(whole)}\n`);
  });

  it('is that in its pretty form too', async () => {
    expect(await textOf(agreement(JSON_TYPE, true), HEAD, 'items', items, signal)).toBe(
      `${JSON.stringify(whole, undefined, 2)}\n`,
    );
  });

  it('is the same in YAML', async () => {
    const text = await textOf(agreement(YAML_TYPE), HEAD, 'items', items, signal);
    expect(parse(text)).toEqual(whole);
    expect(text.match(/^\w+/gm)).toEqual(['apiVersion', 'items', 'kind', 'metadata']);
  });
});

describe('a long list', () => {
  /** Items that take a millisecond each, and how many were made when others had their turn. */
  function* slowItems(count: number, made: { count: number }): Generator<JsonItem> {
    for (let i = 0; i < count; i += 1) {
      const until = performance.now() + 1;
      while (performance.now() < until);
      made.count += 1;
      yield { i };
    }
  }

  it.each([
    ['JSON', agreement(JSON_TYPE)],
    ['pretty JSON', agreement(JSON_TYPE, true)],
    ['YAML', agreement(YAML_TYPE)],
  ])('lets others have their turn while it is made, in %s', async (_, form) => {
    const made = { count: 0 };
    const seen: number[] = [];
    const list = listText(form, HEAD, 'items', slowItems(60, made), signal);
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        await new Promise(resolve => setImmediate(resolve));
        seen.push(made.count);
      }
    })();
    await list;
    isOver = true;
    await watching;
    expect(new Set(seen).size).toBeGreaterThan(5);
  });

  it('is given up with its request', async () => {
    const request = new AbortController();
    const made = { count: 0 };
    const list = listText(agreement(JSON_TYPE), HEAD, 'items', slowItems(10_000, made), request.signal);
    request.abort(new Error('the client is gone'));
    await expect(list).rejects.toThrow('the client is gone');
    expect(made.count).toBeLessThan(100);
  });
});
