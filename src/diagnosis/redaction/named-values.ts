import { elementText } from './elements.ts';
import { REDACTED } from './redacted.ts';
import { isAboutSecret, isSecretName } from './secret-names.ts';
import { bracketsEnd, quoteAt, quotedEnd } from './spans.ts';

/** Values that say that there is none, or whether there is. */
const HARMLESS_VALUE = /^(?:true|false|null|nil|~|<nil>|undefined|)[,;}\])]{0,64}$/i;
const LONGEST_HARMLESS = 80;
/** Blanks, backslashes and the like between a name and its value are heeded so far. */
const MOST_BETWEEN = 64;
/** How far the beginning of a line is looked for. */
const LINE_HEAD = 200;

const NAME = /[\w.-]+/g;
/** Flags, and names of headers. */
const MAY_STAND_ALONE = /[-_]/;
/** What makes a value of what follows it: `=`, `:`, `=>`, `:=`, `==`, and their escapes in URLs (with a quote before them, and escaped again) and in strings of JSON. */
const SIGN =
  /:=|=>|==|=\\{1,16}u003e|[:=]|(?:%(?:25){0,8}2[27])?%(?:25){0,8}3[da]|\\{0,16}(?<=\\)u003d(?:>|\\{1,16}u003e)?/iy;
const WORD = /[^\s"'[{(]*/y;
const PLAIN = /[^\s"'\\,;}\])]*/y;
const PLAIN_NEXT = /[^\s"'\\,;:}\])]/;
/** The value of a header, with parameters in quotes. */
const HEADER_VALUE = /(?:="[^"\n\r\\]*"|[^"'\n\r\\])+/y;
const HEADERS = /(?:authorization|cookie)$/i;
/** Credentials of a proxy, which may be named without a scheme: up to the last @. */
const PROXY = /(\\{0,64}["']?)((?:[a-z][a-z0-9+.-]{0,20}:\/\/)?)[^\s"'@]{0,512}@(?:[^\s"'@]{0,512}@)*/iy;
/** Between `"name":` and the value that stands beside it. */
const PAIR =
  /\\{0,16}["']?([\w.-]{1,256})\\{0,16}["']?(?:[ \t]{0,64},)?\s{0,64}\\{0,16}["']?values?\\{0,16}["']?[ \t]{0,16}[:=][ \t]{0,16}/iy;
/** Between a flag and its value where they are two words: of a command, of a list of JSON, of one of YAML. */
const NEXT_WORD = /[ \t]{1,64}|(\\{0,16}["'])\s{0,64},\s{0,64}(?=\\{0,16}["'])|["']?\r?\n[ \t]{0,64}- /y;
const LONG_FLAG = /\\{0,16}["']?--[a-z]/iy;
/** `proxy_set_header X-Api-Key "…"`: names of one word are words of a sentence, too. */
const QUOTED_NEXT = /[ \t]{1,64}(?=\\{0,16}["'])/y;

interface Value {
  readonly end: number;
  /** What stands in its place; undefined for what is no secret, or none any more. */
  readonly by?: string;
}

/**
 * A text without the values whose name says that they are secrets: `name: value`, `name=value`, `"name":"value"`, `--name value`, `"name=value"`, within a string of JSON too. A value in quotes ends with
 * the same quotes, a list or an object with its bracket, one without either where the next blank is, or, where the name begins the line, at its end. Rather too much is taken than too little. What
 * was looked at is never looked at again, so that the work grows with the length. Pure.
 */
export function redactNamedValues(text: string): string {
  let out = '';
  let done = 0;
  NAME.lastIndex = 0;
  for (let match = NAME.exec(text); match !== null; match = NAME.exec(text)) {
    const { 0: name, index } = match;
    const found = namedValue(text, index, name);
    if (found === undefined) continue;
    if (found.by !== undefined) {
      out += `${text.slice(done, found.begin)}${found.by}`;
      done = found.end;
    }
    NAME.lastIndex = Math.max(found.end, index + name.length);
  }
  return out + text.slice(done);
}

/** The value of a name that stands here; undefined where it has none, or none that matters. */
function namedValue(text: string, index: number, name: string): (Value & { readonly begin: number }) | undefined {
  const at = index + name.length;
  const sign = signAt(text, at);
  const element = sign === undefined ? elementText(text, index, at) : undefined;
  // most words of a text are no names: to judge one costs more than to look behind it
  if (sign === undefined && element === undefined && !MAY_STAND_ALONE.test(name)) return undefined;
  const bare = withoutEscape(text, index, name);
  const isSecret = isSecretName(name) || (bare !== name && isSecretName(bare));
  if (element !== undefined)
    return isSecret ? { begin: element.begin, ...replaced(text, element.begin, element.end) } : undefined;
  if (sign === undefined) return isSecret ? nextWord(text, at, bare) : undefined;
  const begin = sign.end;
  if (isSecret) return { begin, ...secretValue(text, index, name, sign) };
  if (/proxy/i.test(name)) return proxyValue(text, begin);
  if (/^(?:name|key)$/i.test(name)) {
    const [between = '', named = ''] = matchAt(PAIR, text, begin) ?? [];
    if (between !== '' && isSecretName(named))
      return {
        begin: begin + between.length,
        ...valueAt(text, begin + between.length, between.includes('\n') ? 'line' : 'word'),
      };
  }
  return undefined;
}

/** Behind a backslash or a percent sign the first letters may be of an escape: `\npassword`, `\u0026sig`, `%26sig`. */
function withoutEscape(text: string, at: number, name: string): string {
  if (text[at - 1] === '%') return name.replace(/^(?:25){0,8}[0-9a-fA-F]{2}/, '');
  return text[at - 1] === '\\' ? name.replace(/^(?:u[0-9a-fA-F]{4}|[nrtbf])/, '') : name;
}

interface Sign {
  readonly text: string;
  readonly end: number;
  /** Whether there is a quote between the name and it. */
  readonly isQuoted: boolean;
  readonly hasBlanks: boolean;
}

/** `": `, `=`, `["x"] =>`, with what is around it; undefined where nothing makes a value of what follows. */
function signAt(text: string, from: number): Sign | undefined {
  let at = from;
  // the index of a variable of a shell, the key of a map
  if (text[at] === '[') {
    const end = text.slice(at, at + MOST_BETWEEN).indexOf(']');
    if (end < 0) return undefined;
    at += end + 1;
  }
  const unescaped = skip(text, at, '\\');
  const isQuoted = text[unescaped] === '"' || text[unescaped] === "'";
  const before = isQuoted ? unescaped + 1 : unescaped;
  const after = skip(text, before, ' \t');
  const [sign] = matchAt(SIGN, text, after) ?? [];
  if (sign === undefined) return undefined;
  const end = skip(text, after + sign.length, ' \t');
  return { text: sign, end, isQuoted, hasBlanks: after > before };
}

function skip(text: string, from: number, characters: string): number {
  let at = from;
  while (at < text.length && at - from < MOST_BETWEEN && characters.includes(text[at] ?? '')) at += 1;
  return at;
}

function secretValue(text: string, index: number, name: string, sign: Sign): Value {
  const { end: begin } = sign;
  const opened = sign.isQuoted ? undefined : quoteAt(text, index - 1, 'ends');
  // `"PASSWORD=correct horse"`: the quote before the name reaches to its close
  if (opened !== undefined) {
    const { end, isClosed } = quotedEnd(text, begin, opened);
    const inner = isClosed ? end - opened.text.length : end;
    return replaced(text, begin, inner);
  }
  const isLine = isLineHead(text, index) && (sign.text === ':' || sign.hasBlanks);
  return valueAt(text, begin, HEADERS.test(name) && !isLine ? 'header' : isLine ? 'line' : 'word');
}

/** A value from here on, as far as its own quotes or brackets say, else as far as `otherwise` says. */
function valueAt(text: string, begin: number, otherwise: 'word' | 'line' | 'header'): Value {
  const quote = quoteAt(text, begin, 'begins');
  if (quote !== undefined) return quotedValue(text, begin, quote);
  if (/[[{]/.test(text[begin] ?? '') && !text.startsWith(REDACTED, begin)) {
    const end = bracketsEnd(text, begin);
    if (saysNothing(text.slice(begin, end))) return { end };
    return replaced(text, begin, otherwise === 'line' ? lineEnd(text, end) : end + plainLength(text, end));
  }
  if (otherwise === 'line') return replaced(text, begin, lineEnd(text, begin));
  if (otherwise === 'header')
    return replaced(text, begin, begin + (matchAt(HEADER_VALUE, text, begin)?.[0].length ?? 0));
  return replaced(text, begin, wordEnd(text, begin));
}

/** With what is written to it without a blank: `'a'"b"c`. */
function quotedValue(text: string, begin: number, quote: { readonly text: string }): Value {
  let { end, isClosed } = quotedEnd(text, begin + quote.text.length, quote);
  const inner = text.slice(begin + quote.text.length, isClosed ? end - quote.text.length : end);
  while (isClosed) {
    const next = quoteAt(text, end, 'begins');
    // one before the end of a word closes what is around it
    if (next !== undefined && PLAIN_NEXT.test(text.slice(end + next.text.length, end + next.text.length + 1)))
      ({ end, isClosed } = quotedEnd(text, end + next.text.length, next));
    else {
      const more = plainLength(text, end);
      if (more === 0 || text[end] === ':' || text[end] === '=') break;
      end += more;
    }
  }
  if (inner === REDACTED || isHarmless(inner)) return { end };
  return { end, by: `${quote.text}${REDACTED}${isClosed ? quote.text : ''}` };
}

/** A word ends with a blank or a quote; brackets in it are closed in it: `map[a:b c:d]`. */
function wordEnd(text: string, begin: number): number {
  if (text.startsWith(REDACTED, begin)) return begin + REDACTED.length + plainLength(text, begin + REDACTED.length);
  let at = begin;
  for (;;) {
    at += matchAt(WORD, text, at)?.[0].length ?? 0;
    if (text.startsWith(REDACTED, at)) at += REDACTED.length;
    else if (/[[{(]/.test(text[at] ?? '')) at = bracketsEnd(text, at);
    else break;
  }
  // the backslashes of the quote that ends it
  if (/["']/.test(text[at] ?? '')) while (at > begin && text[at - 1] === '\\') at -= 1;
  return at;
}

/** Of what is written to the end of a value without a blank. */
function plainLength(text: string, at: number): number {
  return matchAt(PLAIN, text, at)?.[0].length ?? 0;
}

/** The same once more changes nothing. */
function replaced(text: string, begin: number, end: number): Value {
  const value = text.slice(begin, end);
  return value === REDACTED || isHarmless(value.trim()) ? { end } : { end, by: REDACTED };
}

function nextWord(text: string, at: number, name: string): (Value & { readonly begin: number }) | undefined {
  if (!name.startsWith('-')) {
    const [blanks] = /[-_]/.test(name) ? (matchAt(QUOTED_NEXT, text, at) ?? []) : [];
    return blanks === undefined
      ? undefined
      : { begin: at + blanks.length, ...valueAt(text, at + blanks.length, 'word') };
  }
  const [between] = matchAt(NEXT_WORD, text, at) ?? [];
  if (between === undefined) return undefined;
  const begin = at + between.length;
  if (matchAt(LONG_FLAG, text, begin) !== undefined) return undefined;
  return { begin, ...valueAt(text, begin, between.includes('\n') ? 'line' : 'word') };
}

/** Of a proxy only the credentials are a secret. */
function proxyValue(text: string, begin: number): (Value & { readonly begin: number }) | undefined {
  const [whole = '', quote = '', scheme = ''] = matchAt(PROXY, text, begin) ?? [];
  const by = `${quote}${scheme}${REDACTED}@`;
  return whole === '' || whole === by ? undefined : { begin, end: begin + whole.length, by };
}

/** An object that only names a secret: `{"name":"registry"}`; and one or a list that is empty. */
function saysNothing(whole: string): boolean {
  const inner = whole.slice(1, -1).trim();
  if (inner === '' || whole.length > LINE_HEAD) return inner === '';
  return (
    whole.startsWith('{') &&
    inner.split(',').every(pair => {
      const [, name = '', value = ''] = /^[\s\\"']*([\w.-]+)[\s\\"']*[:=](.*)$/s.exec(pair) ?? [];
      return isAboutSecret(name) && !/[{[]/.test(value);
    })
  );
}

function isHarmless(value: string): boolean {
  return value.length <= LONGEST_HARMLESS && HARMLESS_VALUE.test(value);
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** Before it there are only blanks, the hyphens of lists and a quote. */
function isLineHead(text: string, index: number): boolean {
  let at = index - 1;
  if (text[at] === '"' || text[at] === "'") at -= 1;
  while (at >= 0 && index - at < LINE_HEAD && ' \t-'.includes(text[at] ?? '')) at -= 1;
  return at < 0 || text[at] === '\n';
}

function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | undefined {
  sticky.lastIndex = at;
  return sticky.exec(text) ?? undefined;
}
