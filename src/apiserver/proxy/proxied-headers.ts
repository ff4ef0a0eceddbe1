import type { RequestHeaders } from '../http.ts';

/** Headers of one connection (RFC 9110 7.6.1), which nobody hands on. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A backend must not say for the API server who may read what it serves. */
const OF_CORS: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);

function namedByConnection(values: readonly string[]): ReadonlySet<string> {
  return new Set(values.flatMap(value => value.split(',')).map(name => name.trim().toLowerCase()));
}

/**
 * Headers for the backend, names and values by turns: those of the client but for what belongs to its connection, with its address behind those of other proxies. An
 * upgrade keeps `Connection` and `Upgrade`. Pure.
 */
export function headersToBackend(
  headers: RequestHeaders,
  { remoteAddress, upgrade, more }: { remoteAddress: string; upgrade: boolean; more: Readonly<Record<string, string>> },
): string[] {
  const named = namedByConnection(headers.all('connection'));
  const raw: string[] = [];
  for (const [name, values] of headers.entries()) {
    if (name === 'x-forwarded-for' || name === 'expect' || name in more) continue;
    if (!upgrade && (OF_CONNECTION.has(name) || named.has(name))) continue;
    for (const value of values) raw.push(canonicalName(name), value);
  }
  if (!upgrade && headers.all('te').some(value => /(^|,)\s*trailers\s*(,|$)/i.test(value))) raw.push('Te', 'trailers');
  const before = headers.all('x-forwarded-for');
  raw.push('X-Forwarded-For', [...before, remoteAddress].join(', '));
  for (const [name, value] of Object.entries(more)) raw.push(canonicalName(name), value);
  return raw;
}

/** Headers for the client, from names and values by turns. Pure. */
export function headersToClient(raw: readonly string[]): Record<string, string | string[]> {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '']);
  const named = namedByConnection(pairs.filter(([name]) => name === 'connection').map(([, value]) => value));
  const headers: Record<string, string[]> = Object.create(null);
  for (const [name, value] of pairs) {
    if (OF_CONNECTION.has(name) || OF_CORS.has(name) || named.has(name)) continue;
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) continue;
    // what no header may hold would end our own answer
    headers[name] = [...(headers[name] ?? []), value.replace(/[^\t\x20-\x7e\x80-\xff]/g, ' ')];
  }
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, single(values)]));
}

function single(values: string[]): string | string[] {
  const [only, ...more] = values;
  return only !== undefined && more.length === 0 ? only : values;
}

/** `x-forwarded-for` as Go writes it: X-Forwarded-For. */
function canonicalName(name: string): string {
  return name.replace(/(^|-)[a-z]/g, letter => letter.toUpperCase());
}
