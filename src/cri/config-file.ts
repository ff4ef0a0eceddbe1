import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { errnoName, invalidArgument } from '../base/errors.ts';
import { type CriConfig, DEFAULT_CRI_CONFIG } from './config.ts';
import { aliasProblem, isRegistry } from './images/reference.ts';

/** Where it is looked for unless another one is named. */
export const DEFAULT_CRI_CONFIG_FILE = '/etc/gantry/cri.yaml';

/** The configuration file of the shim: what it does not name has its default. Throws `invalid-argument` naming file, line and field. */
export function readCriConfig(path: string, required: boolean): CriConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT' && !required) return DEFAULT_CRI_CONFIG;
    throw invalidArgument(`cannot read the configuration file ${path}: ${errnoName(error) ?? String(error)}`, {
      cause: error,
    });
  }
  return parseCriConfig(text, path);
}

/** Parses the text of a configuration file, strictly: an unknown or doubled field and a wrong type are errors. `file` is for the messages. Pure. */
export function parseCriConfig(text: string, file: string): CriConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line}`;
  const [problem] = document.errors;
  if (problem !== undefined) throw invalidArgument(`${at(problem.pos[0])}: ${problem.message}`);
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return DEFAULT_CRI_CONFIG;
  const reader: Reader = { at };
  return readObject(reader, root, '', FIELDS, DEFAULT_CRI_CONFIG as unknown as Plain) as unknown as CriConfig;
}

type Plain = Readonly<Record<string, unknown>>;

interface Reader {
  at(offset: number): string;
}

type FieldKind =
  | 'path'
  | 'text'
  | 'paths'
  | 'texts'
  | 'address'
  | 'count'
  | 'limit'
  | 'flag'
  | 'driver'
  | 'mirrors'
  | 'runtimes'
  | 'registry'
  | 'aliases'
  | { readonly [field: string]: FieldKind };

/** Every field and what it may hold. */
const FIELDS: Readonly<Record<keyof CriConfig, FieldKind>> = {
  socket: 'path',
  root: 'path',
  state: 'path',
  cni: { confDir: 'path', binDirs: 'paths', cacheDir: 'path', journalDir: 'path' },
  runtime: 'text',
  runtimes: 'runtimes',
  dropInfra: 'flag',
  cgroupDriver: 'driver',
  conmon: 'path',
  logSizeMax: 'count',
  catatonit: 'path',
  registries: {
    insecure: 'texts',
    mirrors: 'mirrors',
    configPath: 'path',
    dockerConfigs: 'paths',
    shortNames: { defaultRegistry: 'registry', aliases: 'aliases' },
  },
  images: { unpackRatio: 'count', unpackFreeBytes: 'count', concurrentLayers: 'limit', pinned: 'texts' },
  cdiSpecDirs: 'paths',
  streaming: { address: 'address', tlsCertFile: 'path', tlsKeyFile: 'path' },
  metricsAddress: 'address',
};

const CGROUP_DRIVERS: readonly string[] = ['', 'systemd', 'cgroupfs'];

function readObject(
  reader: Reader,
  node: unknown,
  name: string,
  fields: Readonly<Record<string, FieldKind>>,
  defaults: Plain,
): Plain {
  if (!isMap(node)) throw wrong(reader, node, name, 'a mapping');
  const values: Record<string, unknown> = { ...defaults };
  for (const pair of node.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const full = name === '' ? key : `${name}.${key}`;
    const kind = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (kind === undefined)
      throw invalidArgument(
        `${position(reader, pair.key)}: unknown field "${full}"; known are ${Object.keys(fields).join(', ')}`,
      );
    const value = typeof kind === 'object' ? (defaults[key] as Plain) : undefined;
    values[key] =
      typeof kind === 'object'
        ? readObject(reader, pair.value, full, kind, value ?? {})
        : readValue(reader, pair.value, full, kind, pair.key);
  }
  return values;
}

function readValue(
  reader: Reader,
  node: unknown,
  name: string,
  kind: Exclude<FieldKind, object>,
  key: unknown,
): unknown {
  if (kind === 'paths' || kind === 'texts') {
    if (!isSeq(node)) throw wrong(reader, node ?? key, name, 'a list');
    return node.items.map((item, i) =>
      readText(reader, item, `${name}[${i}]`, kind === 'paths' ? 'path' : 'text', key),
    );
  }
  if (kind === 'aliases') return readAliases(reader, node ?? key, name);
  if (kind === 'flag') {
    if (!isScalar(node) || typeof node.value !== 'boolean') throw wrong(reader, node ?? key, name, 'true or false');
    return node.value;
  }
  if (kind === 'driver') {
    if (!isScalar(node) || !CGROUP_DRIVERS.includes(String(node.value)))
      throw wrong(reader, node ?? key, name, 'systemd, cgroupfs or "" (whichever fits this machine)');
    return node.value;
  }
  if (kind === 'mirrors') return readMirrors(reader, node ?? key, name);
  if (kind === 'runtimes') return readRuntimes(reader, node ?? key, name);
  // `metricsAddress: null` (or nothing) switches the server off.
  if (kind === 'address' && (node === null || (isScalar(node) && node.value === null))) return undefined;
  if (kind === 'count' || kind === 'limit') {
    const least = kind === 'limit' ? 1 : 0;
    if (!isScalar(node) || typeof node.value !== 'number' || !Number.isSafeInteger(node.value) || node.value < least)
      throw wrong(
        reader,
        node ?? key,
        name,
        `a whole number that is ${kind === 'limit' ? 'above zero' : 'not negative'}`,
      );
    return node.value;
  }
  return readText(reader, node, name, kind, key);
}

/** Handlers, each with the path of its program. Their names are those that a RuntimeClass may have. */
function readRuntimes(reader: Reader, node: unknown, name: string): Readonly<Record<string, { path: string }>> {
  if (!isMap(node)) throw wrong(reader, node, name, 'a mapping');
  const runtimes = node.items.map(({ key, value }): [string, { path: string }] => {
    const handler = isScalar(key) ? String(key.value) : '';
    const field = `${name}.${handler}`;
    if (!HANDLER.test(handler))
      throw invalidArgument(
        `${position(reader, key)}: "${handler}" is no name of a handler: lower case letters, digits and "-", at most 63`,
      );
    const read = readObject(reader, value ?? key, field, { path: 'path' }, { path: '' }) as { path: string };
    if (read.path === '') throw invalidArgument(`${position(reader, key)}: ${field}.path is missing`);
    return [handler, read];
  });
  return Object.fromEntries(runtimes);
}

/** As the API takes them (a DNS label). */
const HANDLER = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Registries, each with the list of its mirrors' addresses. */
function readMirrors(reader: Reader, node: unknown, name: string): Readonly<Record<string, readonly string[]>> {
  if (!isMap(node)) throw wrong(reader, node, name, 'a mapping');
  const mirrors = node.items.map(({ key, value }): [string, string[]] => {
    const registry = isScalar(key) ? String(key.value) : '';
    const field = `${name}.${registry}`;
    if (!isSeq(value)) throw wrong(reader, value ?? key, field, 'a list');
    return [registry, value.items.map((item, i) => readMirror(reader, item, `${field}[${i}]`, key))];
  });
  return Object.fromEntries(mirrors);
}

/** Short names, each with the full one that it stands for. */
function readAliases(reader: Reader, node: unknown, name: string): Readonly<Record<string, string>> {
  if (!isMap(node)) throw wrong(reader, node, name, 'a mapping');
  const aliases = node.items.map(({ key, value }): [string, string] => {
    const short = isScalar(key) ? String(key.value) : '';
    const full = readText(reader, value, `${name}.${short}`, 'text', key);
    const problem = aliasProblem(short, full);
    if (problem !== undefined) throw invalidArgument(`${position(reader, key)}: ${name}.${short}: ${problem}`);
    return [short, full];
  });
  return Object.fromEntries(aliases);
}

function readMirror(reader: Reader, node: unknown, name: string, key: unknown): string {
  const text = readText(reader, node, name, 'text', key);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlainAddress =
    url !== undefined &&
    ['http:', 'https:'].includes(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (!isPlainAddress)
    throw invalidArgument(
      `${position(reader, node)}: ${name} must be http://host[:port][/path] or https://…, not "${text}"`,
    );
  return text;
}

function readText(
  reader: Reader,
  node: unknown,
  name: string,
  kind: 'path' | 'text' | 'address' | 'registry',
  key: unknown,
): string {
  if (!isScalar(node) || typeof node.value !== 'string') throw wrong(reader, node ?? key, name, 'a string');
  const text = node.value;
  if (kind === 'path' && !isAbsolute(text))
    throw invalidArgument(`${position(reader, node)}: ${name} must be an absolute path, not "${text}"`);
  if (kind === 'address' && !/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/.test(text))
    throw invalidArgument(`${position(reader, node)}: ${name} must be host:port, not "${text}"`);
  if (kind === 'registry' && !isRegistry(text))
    throw invalidArgument(
      `${position(reader, node)}: ${name} must be a registry (host.domain or host:port), not "${text}"`,
    );
  return text;
}

function wrong(reader: Reader, node: unknown, name: string, wanted: string): Error {
  return invalidArgument(`${position(reader, node)}: ${name === '' ? 'the file' : name} must be ${wanted}`);
}

function position(reader: Reader, node: unknown): string {
  const range = (node as Node | null | undefined)?.range;
  return reader.at(range?.[0] ?? 0);
}
