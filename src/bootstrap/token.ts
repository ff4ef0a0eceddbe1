import { randomInt } from 'node:crypto';
import { invalidArgument } from '../base/errors.ts';

/** A bootstrap token: the id is public, the secret is not. */
export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `id.secret`. Throws `invalid-argument` that does not repeat what was given: it may be half a secret. */
export function parseToken(text: string): BootstrapToken {
  const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text) ?? [];
  if (id === undefined || secret === undefined)
    throw invalidArgument('the bootstrap token is not of the form "[a-z0-9]{6}.[a-z0-9]{16}"');
  return { id, secret };
}

/** A new one, from the system's randomness. */
export function generateToken(): string {
  const word = (length: number): string =>
    Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)] ?? '').join('');
  return `${word(6)}.${word(16)}`;
}
