/** One alternative of an Accept header. */
export interface AcceptClause {
  readonly type: string;
  readonly subtype: string;
  /** 0 to 1; 1 where the header does not say. */
  readonly quality: number;
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * The alternatives, best first: by quality, then exact types before wildcards, then as they stand. Those with quality 0 are refused by the client
 * and left out; what is malformed is passed over.
 */
export function parseAccept(header: string): readonly AcceptClause[] {
  const clauses = header.split(',').flatMap(part => parseClause(part) ?? []);
  return clauses.toSorted(
    (a, b) =>
      b.quality - a.quality || wildcards(a.type) - wildcards(b.type) || wildcards(a.subtype) - wildcards(b.subtype),
  );
}

function wildcards(text: string): number {
  return text === '*' ? 1 : 0;
}

function parseClause(text: string): AcceptClause | undefined {
  const [range = '', ...rest] = text.split(';');
  const [type = '', subtype, ...more] = range.trim().split('/');
  if (type === '' || more.length > 0 || (subtype === undefined && type !== '*')) return undefined;
  let quality = 1;
  const parameters = new Map<string, string>();
  for (const pair of rest) {
    const at = pair.indexOf('=');
    if (at < 0) continue;
    const name = pair.slice(0, at).trim();
    const value = unquote(pair.slice(at + 1).trim());
    if (name === 'q') quality = /^\d*\.?\d+$/.test(value) ? Math.min(1, Number(value)) : 1;
    else parameters.set(name, value);
  }
  if (quality === 0) return undefined;
  return { type: type.trim(), subtype: (subtype ?? '*').trim(), quality, parameters };
}

function unquote(value: string): string {
  return /^".*"$/.test(value) ? value.slice(1, -1) : value;
}

/** `application/json; charset=utf-8` -> `application/json`, in lower case. Undefined for what is no media type. */
export function parseContentType(header: string): string | undefined {
  const type = (header.split(';')[0] ?? '').trim().toLowerCase();
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type) ? type : undefined;
}
