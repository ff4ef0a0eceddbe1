import { describe, expect, it } from 'vitest';
import { fnv32a, fnv128aHex, randomHex, sha256Hex } from '../../../src/base/hash.ts';

describe('hashes', () => {
  it.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('fnv32a(%j) is the published test vector', (text, value) => {
    expect(fnv32a(text)).toBe(value);
  });

  it.each([
    ['', '6c62272e07bb014262b821756295c58d'],
    ['a', 'd228cb696f1a8caf78912b704e4a8964'],
  ])('fnv128a(%j) is the published test vector', (text, value) => {
    expect(fnv128aHex(text)).toBe(value);
  });

  it('sha256 of nothing is the well-known value', () => {
    expect(sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('random ids have the asked length and differ', () => {
    expect(randomHex(32)).toMatch(/^[0-9a-f]{64}$/);
    expect(randomHex(32)).not.toBe(randomHex(32));
  });
});
