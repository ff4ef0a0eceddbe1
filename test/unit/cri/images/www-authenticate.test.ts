import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../../src/cri/images/www-authenticate.ts';

describe('parseChallenges', () => {
  it.each([
    [
      'the token flow of a registry',
      'Bearer realm="https://auth.example.org/token",service="r",scope="repository:a/b:pull,push"',
      [
        {
          scheme: 'bearer',
          parameters: { realm: 'https://auth.example.org/token', service: 'r', scope: 'repository:a/b:pull,push' },
        },
      ],
    ],
    ['names of any case', 'BASIC Realm="x"', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    ['an unquoted value', 'Basic realm=x', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    ['escapes inside quotes', 'Basic realm="a\\"b\\\\c"', [{ scheme: 'basic', parameters: { realm: 'a"b\\c' } }]],
    ['a scheme alone', 'Negotiate', [{ scheme: 'negotiate', parameters: {} }]],
    [
      'two challenges in one header',
      'Bearer realm="u",service="s", Basic realm="b"',
      [
        { scheme: 'bearer', parameters: { realm: 'u', service: 's' } },
        { scheme: 'basic', parameters: { realm: 'b' } },
      ],
    ],
    ['nothing', '', []],
    ['an unfinished quote ends the parse', 'Basic realm="x', [{ scheme: 'basic', parameters: {} }]],
    ['a parameter without a scheme', 'realm="x"', []],
  ])('%s', (_sentence, header, expected) => {
    expect(parseChallenges(header)).toEqual(expected);
  });
});
