import { invalidArgument } from '../../base/errors.ts';
import { placesFor, registryPlace } from '../../base/registry-places.ts';
import type { RegistryAuth } from './registry-access.ts';

/** A docker config.json, as far as it is about credentials. */
export interface DockerConfig {
  /** By place: `host[:port][/path]`. */
  readonly auths: ReadonlyMap<string, RegistryAuth>;
  /** Names of helpers, by place. */
  readonly helpers: ReadonlyMap<string, string>;
  /** Name of the helper for all that have none of their own; '' for none. */
  readonly store: string;
}

/** What a file has for a repository: a helper that is to be asked for `server`, and the entry that counts where it has nothing or there is no helper. */
export interface FoundCredentials {
  readonly helper: { readonly name: string; readonly server: string } | undefined;
  readonly auth: RegistryAuth | undefined;
}

/** Docker's own name for its registry, in files and to helpers. */
const DOCKER_SERVER = 'https://index.docker.io/v1/';

type Json = Readonly<Record<string, unknown>>;

/** Reads the text of a config.json. What is not about credentials is passed over. Throws `invalid-argument` that names the place. Pure. */
export function parseDockerConfig(text: string): DockerConfig {
  const top = object(parseJson(text), 'the file');
  const auths = Object.entries(object(top['auths'] ?? {}, 'auths')).map(([place, entry]) => [
    registryPlace(place),
    readEntry(object(entry ?? {}, `auths["${place}"]`), place),
  ]);
  const helpers = Object.entries(object(top['credHelpers'] ?? {}, 'credHelpers')).map(([place, name]) => [
    registryPlace(place),
    helperName(name, `credHelpers["${place}"]`),
  ]);
  return {
    auths: new Map(auths.filter((pair): pair is [string, RegistryAuth] => pair[1] !== undefined)),
    helpers: new Map(helpers as [string, string][]),
    store: top['credsStore'] === undefined ? '' : helperName(top['credsStore'], 'credsStore'),
  };
}

/** What is to be shown for a repository (its full name without tag and digest): of several places the one that says most of the name. Pure. */
export function findCredentials(config: DockerConfig, repository: string): FoundCredentials {
  const [authPlace] = placesFor(config.auths.keys(), repository);
  const [helperPlace] = placesFor(config.helpers.keys(), repository);
  const name = (helperPlace === undefined ? undefined : config.helpers.get(helperPlace)) ?? config.store;
  const [host = ''] = repository.split('/');
  const server = host === 'docker.io' ? DOCKER_SERVER : host;
  return {
    helper: name === '' ? undefined : { name, server },
    auth: authPlace === undefined ? undefined : config.auths.get(authPlace),
  };
}

/** What a helper says; undefined where it has nothing. The name `<token>` means that the secret is an identity token. Throws `invalid-argument`. Pure. */
export function helperAnswer(text: string): RegistryAuth | undefined {
  const { Username: name, Secret: secret } = object(parseJson(text), 'its answer');
  if (typeof name !== 'string' || typeof secret !== 'string')
    throw invalidArgument('its answer has no Username and Secret');
  if (name === '' && secret === '') return undefined;
  const nothing = { username: '', password: '', registryToken: '', identityToken: '' };
  return name === '<token>' ? { ...nothing, identityToken: secret } : { ...nothing, username: name, password: secret };
}

/** Undefined for an entry without credentials: those of a credsStore are there by name only. */
function readEntry(entry: Json, place: string): RegistryAuth | undefined {
  const text = (field: string): string => {
    const value = entry[field] ?? '';
    if (typeof value !== 'string') throw invalidArgument(`auths["${place}"].${field} must be a string`);
    return value;
  };
  const nothing = { username: '', password: '', registryToken: '', identityToken: '' };
  if (text('registrytoken') !== '') return { ...nothing, registryToken: text('registrytoken') };
  if (text('identitytoken') !== '') return { ...nothing, identityToken: text('identitytoken') };
  const pair = text('auth') === '' ? '' : Buffer.from(text('auth'), 'base64').toString('utf8');
  if (pair === '' && text('username') === '' && text('password') === '') return undefined;
  if (pair === '') return { ...nothing, username: text('username'), password: text('password') };
  const colon = pair.indexOf(':');
  if (colon < 0) throw invalidArgument(`auths["${place}"].auth is not base64 of name:password`);
  return { ...nothing, username: pair.slice(0, colon), password: pair.slice(colon + 1).replace(/\0+$/, '') };
}

/** The name becomes part of that of a program: nothing but a word. */
function helperName(value: unknown, field: string): string {
  if (typeof value !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value))
    throw invalidArgument(`${field} must be the name of a helper: docker-credential-<name>`);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidArgument('it is not JSON');
  }
}

function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument(`${what} must be an object`);
  return value as Json;
}
