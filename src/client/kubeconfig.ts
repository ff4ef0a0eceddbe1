import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { errnoName, errorMessage, invalidArgument } from '../base/errors.ts';

/** Where an API server is and how a client proves who it is. */
export interface ApiEndpoint {
  /** `https://host:port`, perhaps with a path before `/api`. */
  readonly server: string;
  /** PEM of the CA that the server's certificate is signed by; the system's CAs where it is missing. */
  readonly ca?: string;
  /** The server's name in its certificate, where that is not the host of the URL. */
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
  /** PEM of a client certificate with its key. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** The files that these are in, where they are not in the kubeconfig itself. */
  readonly certificateFiles?: readonly string[];
  readonly token?: string;
  /** A token that somebody else renews: read again when it is a minute old. */
  readonly tokenFile?: string;
  /** What the context names; `default` otherwise. */
  readonly namespace: string;
}

interface Named {
  readonly name?: unknown;
  readonly [part: string]: unknown;
}

const UNSUPPORTED_CREDENTIALS = ['exec', 'auth-provider', 'username', 'password'];

/**
 * Reads a kubeconfig (YAML or JSON) and resolves one of its contexts, the current one unless told. Paths in it are relative to the file.
 * Throws `invalid-argument` with one line that names the file and what is wrong in it; never says a secret.
 */
export function readKubeconfig(path: string, context?: string): ApiEndpoint {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`kubeconfig: ${errorMessage(error)}`);
  }
  return parseKubeconfig(text, { path, ...(context === undefined ? {} : { context }) });
}

/** True for what is thrown where a kubeconfig can be read and a certificate or key that it names is not there. */
export function lacksItsPair(error: unknown): boolean {
  return error instanceof Error && errnoName(error.cause) === 'ENOENT';
}

/** The same for a text; `path` is said in errors, and is where relative paths begin. */
export function parseKubeconfig(
  text: string,
  options: { readonly path: string; readonly context?: string },
): ApiEndpoint {
  const { path } = options;
  const fail = (what: string): Error => invalidArgument(`kubeconfig ${path}: ${what}`);
  const config = parseDocument(text, fail);
  if (config['kind'] !== 'Config') throw fail(`its kind is ${JSON.stringify(config['kind'] ?? '')}, not "Config"`);
  const name = options.context ?? textAt(config, 'current-context') ?? '';
  if (name === '') throw fail('it has no current-context; name the context to use');
  const part = (list: string, key: string, wanted: string): Record<string, unknown> => {
    const entries = Array.isArray(config[list]) ? (config[list] as readonly (Named | null)[]) : [];
    const found = entries.find(entry => entry?.name === wanted)?.[key];
    if (typeof found !== 'object' || found === null) throw fail(`${list} has no ${JSON.stringify(wanted)}`);
    return found as Record<string, unknown>;
  };
  const chosen = part('contexts', 'context', name);
  const cluster = part('clusters', 'cluster', textAt(chosen, 'cluster') ?? '');
  const user = textAt(chosen, 'user') === undefined ? {} : part('users', 'user', textAt(chosen, 'user') ?? '');
  const server = textAt(cluster, 'server') ?? '';
  if (!URL.canParse(server) || !/^https:$/.test(new URL(server).protocol))
    throw fail(`the server ${JSON.stringify(server)} of its cluster is no https URL`);
  const wrong = UNSUPPORTED_CREDENTIALS.find(key => user[key] !== undefined);
  if (wrong !== undefined) throw fail(`users.${wrong} is not supported; use a client certificate or a token`);

  const content = (from: Record<string, unknown>, key: string): string | undefined => {
    const data = textAt(from, `${key}-data`);
    if (data !== undefined) return Buffer.from(data, 'base64').toString();
    const file = textAt(from, key);
    if (file === undefined) return undefined;
    try {
      return readFileSync(resolve(dirname(path), file), 'utf8');
    } catch (error) {
      throw invalidArgument(`kubeconfig ${path}: ${key}: ${errorMessage(error)}`, { cause: error });
    }
  };
  const ca = content(cluster, 'certificate-authority');
  const cert = content(user, 'client-certificate');
  const key = content(user, 'client-key');
  if ((cert === undefined) !== (key === undefined))
    throw fail(
      `the user has a client ${cert === undefined ? 'key without its certificate' : 'certificate without its key'}`,
    );
  const certificateFiles = ['client-certificate', 'client-key'].flatMap(name => {
    const file = textAt(user, `${name}-data`) === undefined ? textAt(user, name) : undefined;
    return file === undefined ? [] : [resolve(dirname(path), file)];
  });
  const serverName = textAt(cluster, 'tls-server-name');
  const token = textAt(user, 'token');
  const tokenFile = textAt(user, 'tokenFile');
  return {
    server: server.replace(/\/+$/, ''),
    namespace: textAt(chosen, 'namespace') ?? 'default',
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { insecureSkipVerify: true } : {}),
    ...(cert === undefined || key === undefined ? {} : { certificate: { cert, key } }),
    ...(certificateFiles.length === 0 ? {} : { certificateFiles }),
    ...(token === undefined ? {} : { token }),
    ...(tokenFile === undefined ? {} : { tokenFile: resolve(dirname(path), tokenFile) }),
  };
}

/** The files that a kubeconfig names, of all its clusters and users, as absolute paths; none where it cannot be read as one. Nothing of these is read. */
export function kubeconfigReferences(path: string): readonly string[] {
  const list = (entries: unknown): readonly Named[] => (Array.isArray(entries) ? entries : []);
  const part = (entry: Named, key: string): Record<string, unknown> => Object(entry?.[key] ?? {});
  try {
    const { clusters, users } = Object(parse(readFileSync(path, 'utf8'), { maxAliasCount: 100 }) ?? {});
    const names = [
      ...list(clusters).map(entry => part(entry, 'cluster')['certificate-authority']),
      ...list(users).flatMap(entry =>
        ['client-certificate', 'client-key', 'tokenFile'].map(key => part(entry, 'user')[key]),
      ),
    ];
    return names.flatMap(name => (typeof name === 'string' && name !== '' ? [resolve(dirname(path), name)] : []));
  } catch {
    return [];
  }
}

function parseDocument(text: string, fail: (what: string) => Error): Record<string, unknown> {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    // the message may quote a line of the file, which may hold a secret: only its place is told
    const place = /at line (\d+), column (\d+)/.exec(errorMessage(error));
    throw fail(place === null ? 'it is no YAML' : `it is no YAML: line ${place[1]}, column ${place[2]}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw fail('it is no object');
  return document as Record<string, unknown>;
}

function textAt(from: Record<string, unknown>, key: string): string | undefined {
  const value = from[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
