import { describe, expect, it } from 'vitest';
import { AREAS } from '../../../src/conformance/check.ts';
import { chooseChecks, NODE_SUITE, titleOf } from '../../../src/conformance/suite.ts';

const titles = (focus?: string, skip?: string): string[] => chooseChecks(NODE_SUITE, focus, skip).map(titleOf);

describe('the checks of the conformance suite', () => {
  it('have titles of their own', () => {
    expect(new Set(titles()).size).toBe(NODE_SUITE.length);
  });

  it('are of every area', () => {
    expect([...new Set(NODE_SUITE.map(({ area }) => area))]).toEqual([...AREAS]);
  });

  it('are chosen by area, by words, and by what they are not', () => {
    expect(titles('^dns:').every(title => title.startsWith('dns: '))).toBe(true);
    expect(titles('OOMKilled').length).toBe(1);
    expect(titles('^dns:', 'ExternalName').length).toBe(titles('^dns:').length - 1);
    expect(titles(undefined, '^pods:').some(title => title.startsWith('pods: '))).toBe(false);
  });

  it.each([
    ['nowhere', undefined, 'no check is left by --focus and --skip'],
    ['(', undefined, '--focus: "(" is no regular expression'],
    [undefined, '[', '--skip: "[" is no regular expression'],
  ])('cannot be chosen by %s and %s', (focus, skip, message) => {
    expect(() => titles(focus, skip)).toThrow(message);
  });
});
