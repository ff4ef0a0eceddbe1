/** Text that every writer of JSON leaves as it is. */
const PLAIN = /^[ !#-%'-;=?-[\]-~]*$/;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

/** The JSON of a value as upstream writes it into the names of FieldsV1: `<`, `>` and `&` are escaped, as for a page in HTML. */
export function goJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => `${quoted(name)}:${goJson(item)}`)
      .join(',')}}`;
  return JSON.stringify(value) ?? 'null';
}

function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  let result = '"';
  for (const char of text) result += SHORT[char] ?? (isEscaped(char) ? escaped(char) : wellFormed(char));
  return `${result}"`;
}

function isEscaped(char: string): boolean {
  return char < ' ' || char === '<' || char === '>' || char === '&' || char === '\u2028' || char === '\u2029';
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Half a character is none to Go. */
function wellFormed(char: string): string {
  return /^[\ud800-\udfff]$/.test(char) ? '\ufffd' : char;
}
