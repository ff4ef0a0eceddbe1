import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readYamlBody, UnreadableYamlError } from '../../../../../src/api/decode/json/decode-yaml-body.ts';
import { readYaml } from '../../../../../src/api/decode/read-yaml.ts';
import { SourceError } from '../../../../../src/api/decode/source.ts';
import { cpuMs } from '../../../../harness/cpu-time.ts';
import { seededRandom } from '../../seeded-random.ts';

/** Texts, most of them odd or broken, with what upstream's reader makes of them. */
interface Row {
  readonly text: string;
  readonly json?: unknown;
  /** Of the strict reading. */
  readonly strict?: string;
  readonly refused?: string;
}
const ROWS: readonly Row[] = JSON.parse(readFileSync(new URL('upstream.golden.json', import.meta.url), 'utf8'));
const LIMITS = { maxBytes: 4_000_000, maxNodes: 4_000_000, maxDepth: 1000 };
const MIB = 1024 * 1024;

function reading(text: string): Row {
  try {
    const { value, duplicates } = readYamlBody(text, LIMITS);
    return { text, json: value, ...(duplicates[0] === undefined ? {} : { strict: duplicates[0] }) };
  } catch (error) {
    if (!(error instanceof UnreadableYamlError)) throw error;
    return { text, refused: error.message };
  }
}

/** As many pieces as a megabyte holds. */
const filled = (start: string, piece: string, end = ''): string =>
  start + piece.repeat(Math.floor(MIB / piece.length)) + end;

const laughs = (last: string): string =>
  [
    'a0: &a0 [x,x,x,x,x,x,x,x,x]',
    ...Array.from({ length: 60 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`)}]`),
    last,
  ].join('\n');

describe('YAML', () => {
  it.each(ROWS)('is read, or refused, as upstream does: $text', row => {
    expect(reading(row.text)).toEqual(row);
  });

  it.each([
    ['aliases of aliases', laughs(''), 'yaml: document contains excessive aliasing'],
    ['lists in lists', filled('a: ', '['), 'yaml: exceeded max depth of 1000'],
    ['maps in maps', filled('', '{a: '), 'yaml: exceeded max depth of 1000'],
    ['lists in lists of one line', filled('', '- '), 'yaml: exceeded max depth of 1000'],
    [
      'lists in lists by aliases',
      `a0: &a0 ${'['.repeat(900)}x${']'.repeat(900)}\na1: ${'['.repeat(200)}*a0${']'.repeat(200)}\n`,
      'yaml: exceeded max depth of 1000',
    ],
    ['a quote that is never closed', filled('a: "', 'b '), 'yaml: found unexpected end of stream'],
    ['a control character', 'a: \0', 'yaml: control characters are not allowed'],
  ])('that is made to hurt is refused: %s', (_, text, refused) => {
    expect(reading(text).refused).toBe(refused);
  });

  it('may take nearly everything from aliases as long as it is little', () => {
    const text = `a: &a {b: c}\nd:\n${'- *a\n'.repeat(20_000)}`;
    expect((reading(text).json as { d: unknown[] }).d).toHaveLength(20_000);
  });

  it.each([
    ['one list', filled('a: [', 'b,', ']')],
    ['one list of maps', filled('a: [', '{},', ']')],
    ['lines of a list', filled('a:\n', '- b\n')],
    ['one key', filled('', 'a: b\n')],
    ['comments', filled('', '#\n')],
    ['one comment', filled('', '#')],
    ['empty lines', filled('a: b', '\n')],
    ['empty lines in a quote', filled('a: "', '\n', '"')],
    ['empty lines in a block', filled('a: |\n', '\n')],
    ['folded lines', filled('a: >\n', '  b\n')],
    ['escapes', filled('a: "', '\\n', '"')],
    ['quotes', filled("a: '", "''", "'")],
    ['anchors', filled('', '- &a b\n')],
    ['blanks', filled('a: b', ' ')],
    ['carriage returns', filled('a: b', '\r')],
    ['keys that end nowhere', filled('', '? ')],
    ['tags', filled('- ', '!a ')],
    ['percent signs', filled('- !', '%41')],
    ['dashes', filled('', '-')],
    ['colons', filled('a', ':')],
    ['a key that is long', filled('', 'k', ': v')],
    ['merges', `a: &a {b: c}\nd:\n${filled('', '  <<: *a\n')}`],
  ])('of a megabyte is read in time that its length tells: %s', (_, text) => {
    expect(cpuMs(() => reading(text))).toBeLessThan(8000);
  });

  it('of any kind gives a value or one line that says where it is wrong', () => {
    const random = seededRandom(11);
    const letters = [
      'a',
      ': ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '\n',
      '\n  ',
      '"',
      "'",
      '&a ',
      '*a',
      '!!str ',
      '|',
      '>',
      '#',
      '%',
      '---',
      '\t',
      '?',
    ];
    for (let round = 0; round < 5000; round++) {
      const text = Array.from(
        { length: 1 + Math.floor(random() * 12) },
        () => letters[Math.floor(random() * letters.length)],
      ).join('');
      try {
        readYaml(text, LIMITS);
      } catch (error) {
        expect(error).toBeInstanceOf(SourceError);
        expect((error as SourceError).offset).toBeLessThanOrEqual(text.length);
      }
    }
  });
});
