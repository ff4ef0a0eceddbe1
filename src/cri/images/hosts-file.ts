import { posix } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import { invalidArgument } from '../../base/errors.ts';
import type { RegistryTls } from './registry-access.ts';

/** One place of a hosts.toml: a `[host."URL"]`, or what stands at its top for the server itself. */
export interface HostEntry {
  /** The top of the file, not one of its hosts. */
  readonly isServer: boolean;
  /** Undefined for a top without `server`: the registry's own address. */
  readonly url: { readonly scheme: 'http' | 'https'; readonly host: string; readonly root: string } | undefined;
  readonly canPull: boolean;
  readonly canResolve: boolean;
  readonly tls: RegistryTls | undefined;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly dialTimeoutMs: number | undefined;
}

type Table = Readonly<Record<string, unknown>>;

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a hosts.toml as containerd does: the hosts in the order in which they stand, last what the top says of the server. `directory` is where it lies, for
 * relative names of files. Fields that are not known here are passed over, as there. Throws `invalid-argument` naming line or field. Pure.
 */
export function parseHostsFile(text: string, directory: string): readonly HostEntry[] {
  const top = readToml(text);
  const hosts = Object.entries(table(top['host'] ?? {}, 'host'));
  const entries = hosts.map(([url, config]) =>
    readEntry(url, table(config, `host."${url}"`), directory, `host."${url}".`),
  );
  return [...entries, readEntry(textOf(top['server'] ?? '', 'server'), top, directory, '')];
}

function readToml(text: string): Table {
  try {
    return parseToml(text) as Table;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ''] = error.message.split('\n');
    throw invalidArgument(`line ${error.line}: ${reason.replace(/^Invalid TOML document: /, '')}`);
  }
}

function readEntry(server: string, config: Table, directory: string, at: string): HostEntry {
  const files = (value: unknown, field: string): string => absolute(textOf(value, `${at}${field}`), directory);
  const capabilities = config['capabilities'] === undefined ? [] : list(config['capabilities'], `${at}capabilities`);
  const known = capabilities.map(c => {
    const name = textOf(c, `${at}capabilities`).toLowerCase();
    if (!['pull', 'resolve', 'push'].includes(name))
      throw invalidArgument(`${at}capabilities: "${name}" is unknown; known are pull, resolve and push`);
    return name;
  });
  // A top without a server is the registry itself, which can do all, whatever stands there.
  const canAll = known.length === 0 || server === '';
  const { ca, client, skip_verify: skipVerify } = config;
  const caFiles = ca === undefined ? [] : Array.isArray(ca) ? ca.map(f => files(f, 'ca')) : [files(ca, 'ca')];
  const clientPairs = client === undefined ? [] : readPairs(client, files);
  if (skipVerify !== undefined && typeof skipVerify !== 'boolean')
    throw invalidArgument(`${at}skip_verify must be true or false`);
  const hasTls = caFiles.length > 0 || clientPairs.length > 0 || skipVerify !== undefined;
  return {
    isServer: at === '',
    url: server === '' ? undefined : readUrl(server, config['override_path'] === true, at),
    canPull: canAll || known.includes('pull'),
    canResolve: canAll || known.includes('resolve'),
    tls: hasTls ? { caFiles, clientPairs, skipVerify: skipVerify === true } : undefined,
    headers: readHeaders(config['header'] ?? {}, at),
    dialTimeoutMs: readDuration(config['dial_timeout'], `${at}dial_timeout`),
  };
}

/** containerd appends `/v2` unless the path ends so or `override_path` says that the path is all there is. */
function readUrl(server: string, overridePath: boolean, at: string): NonNullable<HostEntry['url']> {
  const full = server.startsWith('http') ? server : `https://${server}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.host === '')
    throw invalidArgument(`${at === '' ? 'server' : at.slice(0, -1)}: "${server}" is not an http or https address`);
  // A default port that is written down stays: HTTP on port 80 leaves no doubt about what is spoken.
  const port = /^https?:\/\/[^/]*:(80|443)(\/|$)/.exec(full)?.[1];
  const path = url.pathname === '/' ? '' : posix.normalize(url.pathname).replace(/\/$/, '');
  return {
    scheme: url.protocol === 'http:' ? 'http' : 'https',
    host: url.port === '' && port !== undefined ? `${url.host}:${port}` : url.host,
    root: overridePath || path.endsWith('/v2') ? path : `${path}/v2`,
  };
}

/** A file with both, files with both, or pairs of certificate and key. */
function readPairs(
  client: unknown,
  file: (value: unknown, field: string) => string,
): readonly (readonly [string, string])[] {
  const both = (value: unknown): readonly [string, string] => {
    const name = file(value, 'client');
    return [name, name];
  };
  if (!Array.isArray(client)) return [both(client)];
  return client.map((item: unknown) => {
    if (!Array.isArray(item)) return both(item);
    if (item.length !== 2) throw invalidArgument('client: a pair is a certificate and a key');
    return [file(item[0], 'client'), item[1] === '' ? file(item[0], 'client') : file(item[1], 'client')];
  });
}

function readHeaders(value: unknown, at: string): Readonly<Record<string, string>> {
  const headers = Object.entries(table(value, `${at}header`)).map(([name, values]): [string, string] => {
    const texts = Array.isArray(values) ? values : [values];
    const joined = texts.map(v => textOf(v, `${at}header.${name}`)).join(', ');
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(joined))
      throw invalidArgument(`${at}header."${name}" is not a header of HTTP`);
    return [name.toLowerCase(), joined];
  });
  return Object.fromEntries(headers);
}

/** A duration as Go writes it (`10s`, `1m30s`, `500ms`) in milliseconds. */
function readDuration(value: unknown, field: string): number | undefined {
  if (value === undefined || value === '') return undefined;
  const text = textOf(value, field);
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(p => p[0]).join('') !== text)
    throw invalidArgument(`${field}: "${text}" is not a duration such as 10s`);
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0);
}

function absolute(path: string, directory: string): string {
  return posix.isAbsolute(path) ? path : posix.join(directory, path);
}

function table(value: unknown, field: string): Table {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument(`${field} must be a table`);
  return value as Table;
}

function list(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidArgument(`${field} must be a list`);
  return value;
}

function textOf(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalidArgument(`${field} must be a string`);
  return value;
}
