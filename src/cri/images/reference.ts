import { invalidArgument } from '../../base/errors.ts';

/** A parsed image reference. `domain` and `path` are always there: Docker's defaults are filled in. */
export interface ImageReference {
  /** host[:port] of the registry as people write it: `docker.io`, `127.0.0.1:5000`. */
  readonly domain: string;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** What names without a registry mean. */
export interface ShortNames {
  /** Where they are, unless `aliases` says otherwise. */
  readonly defaultRegistry: string;
  /** Name without tag and digest (`busybox`, `team/app`) to the full one. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** As Docker has it. */
export const DOCKER_SHORT_NAMES: ShortNames = { defaultRegistry: 'docker.io', aliases: {} };

const DOMAIN_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${PATH_COMPONENT}(?:/${PATH_COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[a-f0-9]{64}$/;
/** distribution's limit of the whole name (domain and path). */
const MAX_NAME = 255;

/** True for `sha256:` with 64 lower-case hex digits, the only algorithm registries use. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/**
 * Parses a reference by Docker's rules: the first component is a registry when it has a dot, a colon or capital letters or is `localhost`;
 * without one `shortNames` say what is meant, by default docker.io. A single component there is under `library/`. The tag `latest` is filled in where
 * neither tag nor digest is given. Throws `invalid-argument` that says which part is wrong.
 */
export function parseReference(text: string, shortNames = DOCKER_SHORT_NAMES): ImageReference {
  const wrong = (what: string): Error =>
    invalidArgument(`invalid image reference ${shown(text)}: ${what}`, { reason: 'InvalidImageName' });
  if (text === '') throw wrong('it is empty');
  if (/^[a-f0-9]{64}$/.test(text)) throw wrong('a bare image id is not a name');
  let rest = text;
  let digest: string | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    digest = rest.slice(at + 1);
    rest = rest.slice(0, at);
    if (!isDigest(digest)) throw wrong(`${shown(digest)} is not a sha256 digest`);
  }
  let tag: string | undefined;
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  if (colon >= 0) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!TAG.test(tag)) throw wrong(`${shown(tag)} is not a tag`);
  }
  if (!hasRegistry(rest)) rest = fullName(rest, shortNames);
  const slash = rest.indexOf('/');
  let domain = rest.slice(0, slash);
  let path = rest.slice(slash + 1);
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && !path.includes('/')) path = `library/${path}`;
  if (!DOMAIN.test(domain)) throw wrong(`${shown(domain)} is not a registry host`);
  if (Number(/:(\d+)$/.exec(domain)?.[1] ?? 0) > 65_535) throw wrong(`${shown(domain)} has a port over 65535`);
  if (!PATH.test(path)) {
    if (path.toLowerCase() !== path) throw wrong('the repository name must be lower case');
    throw wrong(`${shown(path)} is not a repository name`);
  }
  if (domain.length + 1 + path.length > MAX_NAME) throw wrong(`the name is over ${MAX_NAME} characters`);
  if (tag === undefined && digest === undefined) tag = 'latest';
  return { domain, path, tag, digest };
}

/** True for what names a registry in references: `docker.io`, `reg.example:5000`, `localhost`. */
export function isRegistry(text: string): boolean {
  return DOMAIN.test(text) && hasRegistry(`${text}/`);
}

function hasRegistry(name: string): boolean {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  return first === 'localhost' || /[.:A-Z[]/.test(first);
}

function fullName(name: string, { defaultRegistry, aliases }: ShortNames): string {
  const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  return alias ?? `${defaultRegistry}/${name}`;
}

/** What is wrong with an alias for a short name; undefined for a good one. */
export function aliasProblem(name: string, full: string): string | undefined {
  if (hasRegistry(name) || name.includes('@') || name.includes(':')) return `"${name}" is not a short name without tag`;
  if (!hasRegistry(full)) return `"${full}" names no registry`;
  const { tag, digest } = parseReference(full);
  const isBare = digest === undefined && tag === 'latest' && !full.endsWith(':latest');
  return isBare ? undefined : `"${full}" must have neither tag nor digest`;
}

/** One line, and not longer than an error may be. */
function shown(text: string): string {
  return JSON.stringify(text.length > MAX_NAME ? `${text.slice(0, MAX_NAME)}…` : text);
}

/** `domain/path`. */
export function repositoryName(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The one name under which the store files a reference: with the digest when there is one (it says more than the tag), else with the tag. */
export function canonicalName(reference: ImageReference): string {
  if (reference.digest !== undefined) return `${repositoryName(reference)}@${reference.digest}`;
  return `${repositoryName(reference)}:${reference.tag ?? 'latest'}`;
}

/** True for registries on this machine's loopback, which are spoken to over plain HTTP as Docker does (127.0.0.0/8, ::1, localhost). */
export function isLoopbackRegistry(domain: string): boolean {
  const host = domain.startsWith('[') ? domain.slice(1, domain.indexOf(']')) : domain.replace(/:\d+$/, '');
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
