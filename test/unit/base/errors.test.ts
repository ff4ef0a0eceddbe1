import { describe, expect, it } from 'vitest';
import {
  errnoName,
  errorCode,
  errorMessage,
  GantryError,
  isAbortError,
  isNotFound,
  isUnimplemented,
  notFound,
} from '../../../src/base/errors.ts';

describe('errors by meaning', () => {
  it.each([
    ['its own errors', notFound('no such pod'), 'not-found'],
    ['what an AbortSignal throws', AbortSignal.abort().reason, 'cancelled'],
    ['anything else', new Error('x'), 'unknown'],
    ['what is no error at all', 'text', 'unknown'],
  ])('knows the code of %s', (_sentence, error, code) => {
    expect(errorCode(error)).toBe(code);
  });

  it('takes ENOENT as not found and no other errno', () => {
    expect(isNotFound(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe(true);
    expect(isNotFound(Object.assign(new Error('x'), { code: 'EACCES' }))).toBe(false);
    expect(errnoName(Object.assign(new Error('x'), { code: 'EACCES' }))).toBe('EACCES');
    expect(errnoName(new Error('x'))).toBeUndefined();
  });

  it('makes one line of a message of many', () => {
    expect(errorMessage(new Error('first\n  second\n'))).toBe('first second');
    expect(errorMessage(42)).toBe('42');
  });

  it('tells unimplemented and aborted apart', () => {
    expect(isUnimplemented(new GantryError('unimplemented', 'x'))).toBe(true);
    expect(isAbortError(new GantryError('cancelled', 'x'))).toBe(false);
  });
});
