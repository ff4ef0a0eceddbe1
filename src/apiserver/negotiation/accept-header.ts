/** One alternative of an Accept header. */
export interface AcceptClause {
  readonly type: string;
  readonly subtype: string;
  /** Mostly 0 to 1; 1 where the header does not say. */
  readonly quality: number;
  readonly parameters: ReadonlyMap<string, string>;
}

/** More alternatives, and more parameters of one, are not looked at: nobody has them but who wants to keep the server busy. */
const MOST = 500;
/** Up to here upstream's sort is one by insertion, whose result its comparison decides. */
const FEW = 12;

/**
 * The alternatives, best first, in upstream's order: by quality and by how exact they are, each put before those behind
 * which it need not stand. A quality that cannot be read is 0, which only puts an alternative last; what has no type and
 * subtype is passed over.
 */
export function parseAccept(header: string): readonly AcceptClause[] {
  const clauses = header.split(',', MOST).flatMap(part => parseClause(part) ?? []);
  if (clauses.length > FEW)
    return clauses.toSorted(
      (a, b) =>
        b.quality - a.quality || wildcards(a.type) - wildcards(b.type) || wildcards(a.subtype) - wildcards(b.subtype),
    );
  const sorted: AcceptClause[] = [];
  for (const clause of clauses) {
    let at = sorted.length;
    while (at > 0 && goesBefore(clause, sorted[at - 1])) at -= 1;
    sorted.splice(at, 0, clause);
  }
  return sorted;
}

function wildcards(text: string): number {
  return text === '*' ? 1 : 0;
}

/** No order in the strict sense: of a better wildcard and a worse exact type each goes before the other. */
function goesBefore(a: AcceptClause, b: AcceptClause | undefined): boolean {
  if (b === undefined) return false;
  return a.quality > b.quality || (a.type !== '*' && b.type === '*') || (a.subtype !== '*' && b.subtype === '*');
}

function parseClause(text: string): AcceptClause | undefined {
  const [range = '', ...rest] = trimSpaces(text).split(';', MOST);
  const [first = '', second = '', ...more] = range.split('/');
  const type = trimSpaces(first);
  if (more.join('/') !== '' || (second === '' && type !== '*')) return undefined;
  let quality = 1;
  const parameters = new Map<string, string>();
  for (const pair of rest) {
    const [name = '', value = '', ...others] = pair.split('=');
    if (value === '' || others.join('=') !== '') continue;
    const token = trimSpaces(name);
    if (token === 'q') quality = qualityOf(value);
    else parameters.set(token, trimSpaces(value));
  }
  return { type, subtype: second === '' ? '*' : trimSpaces(second), quality, parameters };
}

/** Spaces alone, as upstream; by hand, for a pattern takes quadratic time on long runs of them. */
function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === ' ') start += 1;
  while (end > start && text[end - 1] === ' ') end -= 1;
  return text.slice(start, end);
}

function qualityOf(text: string): number {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : 0;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const CONTENT_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})\\s*((?:;\\s*${TOKEN}=(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*")\\s*)*);?$`,
);

/**
 * `application/json; charset=utf-8` -> `application/json`, in lower case. Undefined for what is no media type, or has
 * parameters that are malformed or stand twice.
 */
export function parseContentType(header: string): string | undefined {
  const [, type, parameters = ''] = CONTENT_TYPE.exec(header.trim()) ?? [];
  const names = [...parameters.matchAll(PARAMETER_NAME)].map(([, name = '']) => name.toLowerCase());
  return new Set(names).size === names.length ? type?.toLowerCase() : undefined;
}

const PARAMETER_NAME = /;\s*([^=;"\s]+)=(?:"(?:[^"\\]|\\.)*")?/g;
