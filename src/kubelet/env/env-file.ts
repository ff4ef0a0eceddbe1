import { failedPrecondition } from '../../base/errors.ts';

const BLANKS = /^[ \t]+/;

/**
 * The value of a variable in an environment file: lines `NAME='value'`, where a value may span lines; blank lines and those that begin with `#` mean
 * nothing. A blank after `=` makes the value empty, as in a shell. Empty where the file does not have it. Throws with the number of a line that is
 * wrong. Pure.
 */
export function envFileValue(text: string, key: string): string {
  const lines = text.split('\n').map(line => line.replace(/\r$/, ''));
  for (let at = 0; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').replace(BLANKS, '');
    if (line === '' || line.startsWith('#')) continue;
    const number = at + 1;
    const equals = line.indexOf('=');
    if (equals < 0) throw wrong(`at line ${number}: missing '='`);
    const name = line.slice(0, equals);
    if (name.trimEnd() === '') throw wrong(`at line ${number}: empty variable name`);
    if (name.trimEnd() !== name) throw wrong(`at line ${number}: whitespace before '=' is not allowed`);
    let rest = line.slice(equals + 1);
    if (BLANKS.test(rest)) {
      if (name === key) return '';
      continue;
    }
    if (!rest.startsWith("'")) throw wrong(`at line ${number}: value must be enclosed in single quotes`);
    rest = rest.slice(1);
    let value = '';
    while (!rest.includes("'")) {
      value += `${rest}\n`;
      at += 1;
      if (at >= lines.length) throw wrong(`starting at line ${number}: unclosed single quote`);
      rest = lines[at] ?? '';
    }
    const end = rest.indexOf("'");
    const after = rest.slice(end + 1).replace(BLANKS, '');
    if (after !== '' && !after.startsWith('#'))
      throw wrong(`at line ${at + 1}: unexpected content after closing quote`);
    if (name === key) return value + rest.slice(0, end);
  }
  return '';
}

function wrong(what: string): Error {
  return failedPrecondition(`invalid environment variable format ${what}`);
}
