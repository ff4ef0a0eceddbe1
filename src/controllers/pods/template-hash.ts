import type { PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import { fnv32a } from '../../base/hash.ts';

const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** The hash of a template, short and without words, for names and labels; another one for each collision. Pure. */
export function templateHash(template: PodTemplateSpec, collisions: number): string {
  const seed = collisions === 0 ? '' : `#${collisions}`;
  const text = canonical(template) + seed;
  return [...String(fnv32a(text))].map(digit => SAFE_ALPHABET[Number(digit)]).join('') + checkLetter(text);
}

/** A second, independent look at the text, because 32 bits meet sooner than one would think. */
function checkLetter(text: string): string {
  const second = fnv32a(`${text.length}:${text}`);
  return [0, 8].map(shift => SAFE_ALPHABET[(second >>> shift) % SAFE_ALPHABET.length]).join('');
}

/** JSON with keys in order and without what is empty: equal templates have equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined && item !== null && !isEmpty(item))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value)
    ? value.length === 0
    : typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
