import { randomInt } from 'node:crypto';

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** What leaves room for the suffix in 63 characters. */
const MAX_BASE = 58;

/** Five characters that spell no word (upstream's alphabet). */
export function randomSuffix(): string {
  return Array.from({ length: SUFFIX_LENGTH }, () => SUFFIX_ALPHABET[randomInt(SUFFIX_ALPHABET.length)]).join('');
}

/** A name that begins with `base` (`metadata.generateName`), cut to upstream's 58 characters: it may be taken. */
export function generatedName(base: string): string {
  return base.slice(0, MAX_BASE) + randomSuffix();
}
