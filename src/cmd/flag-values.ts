import { invalidArgument } from '../base/errors.ts';

/** Values of flags that several commands take. A mistake is one line that names the flag. */

/** `true` or `false`. */
export function booleanFlag(text: string, name: string): boolean {
  if (text !== 'true' && text !== 'false')
    throw invalidArgument(`${name}: ${JSON.stringify(text)} is neither true nor false`);
  return text === 'true';
}

/** A port; 0 lets the kernel choose. */
export function portFlag(text: string, name: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535)
    throw invalidArgument(`${name}: ${JSON.stringify(text)} is not a port`);
  return Number(text);
}

/** Words apart by commas. */
export function words(text: string): string[] {
  return text
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '');
}

/** For a flag that may be given again: each takes one value, of words apart by commas. What takes values until the next flag (commander's `<word...>`) would take arguments, too. */
export function moreWords(text: string, before: readonly string[]): string[] {
  return [...before, ...words(text)];
}

/** The same for a flag that is kept as text; `byDefault` is what it is until it is given. */
export function moreText(byDefault: string = ''): (text: string, before: string | undefined) => string {
  return (text, before = byDefault) => (before === byDefault ? text : `${before},${text}`);
}
