import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { oracle, skipReason } from '../api/oracles.ts';

const TESTS = 'test/conformance/api';
const LIST = 'conformance-api-only.txt';
const list = oracle(LIST);
const text = readFileSync('docs/conformance.md', 'utf8');
const rows = [...text.matchAll(/^\| (\[sig-.*?) \| (.*) \|$/gm)].map(([, name = '', where = '']) => ({ name, where }));
const inFiles = rows.flatMap(({ name, where }) =>
  [...where.matchAll(/^`([\w-]+\.test\.ts)`/g)].map(([, file]) => `${file}: ${name}`),
);

/** The names of upstream that our test files have as titles of tests. */
const titles = readdirSync(TESTS)
  .filter(file => file.endsWith('.test.ts'))
  .flatMap(file =>
    [...readFileSync(`${TESTS}/${file}`, 'utf8').matchAll(/\bit\('(\[sig-(?:[^'\\]|\\.)*)'/g)].map(
      ([, title]) => `${file}: ${title}`,
    ),
  );

describe('docs/conformance.md', () => {
  it('names the file of every conformance test that there is, and no other', () => {
    expect(titles.length).toBeGreaterThan(0);
    expect(inFiles.toSorted()).toEqual(titles.toSorted());
  });

  it('says of every other name what brings it', () => {
    const others = rows.filter(({ where }) => !where.startsWith('`'));
    expect(others.filter(({ where }) => !where.startsWith('comes with '))).toEqual([]);
    expect(others.length + inFiles.length).toBe(rows.length);
  });

  it('counts what it has', () => {
    expect(text).toContain(`${rows.length} of those of v1.36 ask for nothing but the API`);
    expect(text).toContain(`That is so for ${inFiles.length} of ${rows.length} today`);
  });

  it.skipIf(list === undefined)(`has every name of upstream's list in its order${skipReason(LIST, list)}`, () => {
    const names = (list ?? '').split('\n').filter(line => line !== '');
    expect(rows.map(({ name }) => name)).toEqual(names);
  });
});
