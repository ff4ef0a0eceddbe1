import { isJsonObject } from './json-value.ts';

/** A JSON value as Go prints it with %v, which upstream's messages about patches do: `map[a:1 b:[x <nil>]]`. */
export function goValueText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'number') return numberText(value);
  if (Array.isArray(value)) return `[${value.map(goValueText).join(' ')}]`;
  if (!isJsonObject(value)) return String(value);
  const members = Object.keys(value).sort();
  return `map[${members.map(name => `${name}:${goValueText(value[name])}`).join(' ')}]`;
}

/** Whole numbers are integers; others have an exponent of two digits at least, below 10^-4 and from 10^21 on. */
function numberText(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) || (size >= 1e-4 && size < 1e21)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
