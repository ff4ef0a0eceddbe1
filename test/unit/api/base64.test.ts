import { describe, expect, it } from 'vitest';
import { canonicalBase64 } from '../../../src/api/base64.ts';

describe('base64 of the API', () => {
  it.each([
    ['', ''],
    ['aGVsbG8=', 'aGVsbG8='],
    ['aGVs\r\nbG8=\n', 'aGVsbG8='],
    ['aGVsbG9=', 'aGVsbG8='],
    ['QR==', 'QQ=='],
  ])('%j is kept as %j', (text, canonical) => {
    expect(canonicalBase64(text)).toBe(canonical);
  });

  it.each([
    ['hello', 4],
    ['hello world', 5],
    ['%%%', 0],
    ['ab', 0],
    ['aGVsbG8', 4],
    ['QQ=', 3],
    ['Q=', 1],
    ['QQ=x', 2],
    ['QQ==QQ==', 4],
    ['é', 0],
    ['a_b=', 1],
  ])('%j is refused at byte %i', (text, at) => {
    expect(() => canonicalBase64(text)).toThrow(`illegal base64 data at input byte ${at}`);
  });
});
