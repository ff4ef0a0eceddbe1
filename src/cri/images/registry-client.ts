import type { IncomingMessage } from 'node:http';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { GantryError, invalidArgument, notFound, unavailable } from '../../base/errors.ts';
import { sha256Hex } from '../../base/hash.ts';
import type { BlobLocation, ImageSource, ManifestBlob } from './image-source.ts';
import { type Descriptor, MANIFEST_ACCEPT } from './manifest.ts';
import { type ImageReference, isLoopbackRegistry, repositoryName } from './reference.ts';
import type { RegistryAuth, RegistryOptions, RepositoryAccess } from './registry-access.ts';
import { RegistryConnections, readBody, registryDown } from './registry-http.ts';
import { type AuthChallenge, parseChallenges } from './www-authenticate.ts';

const MAX_DOCUMENT = 4 << 20;
const MAX_REDIRECTS = 5;

/**
 * One repository of a registry, for one pull (OCI distribution spec 1.1, pull half; Docker's token flow). Plain HTTP for loopback and for
 * configured registries, HTTPS for all others. Credentials go to the registry and to the token service it names, never to where it redirects.
 */
export class RegistryRepository implements ImageSource {
  readonly #reference: ImageReference;
  readonly #auth: RegistryAuth | undefined;
  readonly #options: RegistryOptions;
  readonly #connections: RegistryConnections;
  readonly #host: string;
  #scheme: 'http' | 'https';
  #authorization: string | undefined;

  constructor(
    reference: ImageReference,
    auth: RegistryAuth | undefined,
    options: RegistryOptions,
    connections = new RegistryConnections(options.timeouts),
  ) {
    this.#reference = reference;
    this.#auth = auth;
    this.#options = options;
    this.#connections = connections;
    this.#host = reference.domain === 'docker.io' ? 'registry-1.docker.io' : reference.domain;
    this.#scheme = this.#isPlain(reference.domain) ? 'http' : 'https';
    if (auth !== undefined && auth.registryToken !== '') this.#authorization = `Bearer ${auth.registryToken}`;
  }

  /** The repository as another process left it. `connections` are the caller's to close. */
  static resume(access: RepositoryAccess, connections: RegistryConnections): RegistryRepository {
    const repository = new RegistryRepository(access.reference, access.auth, access.options, connections);
    repository.#scheme = access.scheme;
    repository.#authorization = access.authorization;
    return repository;
  }

  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestBlob> {
    const { response, url } = await this.#get(`manifests/${tagOrDigest}`, MANIFEST_ACCEPT, signal);
    const bytes = await readBody(response, url, MAX_DOCUMENT);
    const digest = `sha256:${sha256Hex(bytes)}`;
    const asked = tagOrDigest.startsWith('sha256:') ? tagOrDigest : undefined;
    const promised = asked ?? headerText(response, 'docker-content-digest');
    if (promised.startsWith('sha256:') && promised !== digest)
      throw new GantryError(
        'data-loss',
        `registry ${this.#host}: digest mismatch: the manifest should be ${promised} and is ${digest}`,
      );
    return { bytes, digest, mediaType: headerText(response, 'content-type') };
  }

  async document(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer> {
    if (descriptor.size > MAX_DOCUMENT)
      throw invalidArgument(
        `the image config ${descriptor.digest} has ${descriptor.size} bytes; at most ${MAX_DOCUMENT} are read`,
      );
    const { response, url } = await this.#get(`blobs/${descriptor.digest}`, '*/*', signal);
    const bytes = await readBody(response, url, MAX_DOCUMENT);
    const digest = `sha256:${sha256Hex(bytes)}`;
    if (digest !== descriptor.digest)
      throw new GantryError(
        'data-loss',
        `registry ${this.#host}: digest mismatch: the image config should be ${descriptor.digest} and is ${digest}`,
      );
    return bytes;
  }

  async locate(descriptor: Descriptor): Promise<BlobLocation> {
    const repository = {
      reference: this.#reference,
      auth: this.#auth,
      options: this.#options,
      scheme: this.#scheme,
      authorization: this.#authorization,
    };
    return { kind: 'registry', repository, digest: descriptor.digest };
  }

  /** A blob as a stream; not verified here. Errors of the stream are GantryErrors. */
  async blob(digest: string, signal: AbortSignal): Promise<Readable> {
    const { response, url } = await this.#get(`blobs/${digest}`, '*/*', signal);
    const body = new PassThrough({
      highWaterMark: 256 * 1024,
      destroy: (error, callback) =>
        callback(error === null || error instanceof GantryError || signal.aborted ? error : registryDown(url, error)),
    });
    pipeline(response, body, () => undefined);
    return body;
  }

  close(): void {
    this.#connections.close();
  }

  #isPlain(domain: string): boolean {
    return this.#options.insecure.includes(domain) || isLoopbackRegistry(domain);
  }

  async #get(path: string, accept: string, signal: AbortSignal): Promise<{ response: IncomingMessage; url: URL }> {
    let answer = await this.#getOnce(path, accept, signal);
    if (
      answer.response.statusCode === 400 &&
      this.#scheme === 'http' &&
      !this.#options.insecure.includes(this.#reference.domain)
    ) {
      // Loopback is tried over HTTP first; a TLS server answers that with 400.
      answer.response.destroy();
      this.#scheme = 'https';
      answer = await this.#getOnce(path, accept, signal);
    }
    if (answer.response.statusCode === 401) {
      const challenges = parseChallenges(headerText(answer.response, 'www-authenticate'));
      answer.response.resume();
      await this.#authenticate(challenges, signal);
      answer = await this.#getOnce(path, accept, signal);
    }
    if (answer.response.statusCode !== 200) throw await this.#refusal(answer.response, answer.url, path);
    return answer;
  }

  async #getOnce(path: string, accept: string, signal: AbortSignal): Promise<{ response: IncomingMessage; url: URL }> {
    const origin = `${this.#scheme}://${this.#host}`;
    let url = new URL(`${origin}/v2/${this.#reference.path}/${path}`);
    const registryHost = url.host;
    for (let redirects = 0; ; redirects += 1) {
      const ours = url.host === registryHost && url.protocol === `${this.#scheme}:`;
      const headers: Record<string, string> = { accept, 'user-agent': 'gantry' };
      if (ours && this.#authorization !== undefined) headers['authorization'] = this.#authorization;
      const response = await this.#connections.get(url, headers, signal);
      const location = response.headers.location;
      if (location === undefined || ![301, 302, 303, 307, 308].includes(response.statusCode ?? 0))
        return { response, url };
      response.resume();
      if (redirects === MAX_REDIRECTS)
        throw unavailable(`registry ${this.#host}: more than ${MAX_REDIRECTS} redirects for ${path}`);
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next === undefined || (next.protocol !== 'http:' && next.protocol !== 'https:'))
        throw unavailable(`registry ${this.#host}: it redirects ${path} to something that is not an HTTP address`);
      url = next;
    }
  }

  async #authenticate(challenges: readonly AuthChallenge[], signal: AbortSignal): Promise<void> {
    const bearer = challenges.find(c => c.scheme === 'bearer');
    const basic = this.#basic();
    if (bearer !== undefined) {
      this.#authorization = `Bearer ${await this.#token(bearer, basic, signal)}`;
      return;
    }
    if (challenges.some(c => c.scheme === 'basic')) {
      if (basic === undefined)
        throw new GantryError(
          'unauthenticated',
          `registry ${this.#host} asks for a user name and a password to pull ${this.#reference.path}, and none were given`,
        );
      if (this.#authorization === basic) throw this.#wrongCredentials();
      this.#authorization = basic;
      return;
    }
    throw new GantryError(
      'unauthenticated',
      `registry ${this.#host} refuses ${this.#reference.path} and offers no way to log in that is known here`,
    );
  }

  #basic(): string | undefined {
    if (this.#auth === undefined || (this.#auth.username === '' && this.#auth.password === '')) return undefined;
    return `Basic ${Buffer.from(`${this.#auth.username}:${this.#auth.password}`, 'utf8').toString('base64')}`;
  }

  #wrongCredentials(): GantryError {
    return new GantryError(
      'unauthenticated',
      `registry ${this.#host} refuses the given credentials for ${this.#reference.path}`,
    );
  }

  async #token(challenge: AuthChallenge, basic: string | undefined, signal: AbortSignal): Promise<string> {
    const { realm = '', service, scope } = challenge.parameters;
    if (!/^https?:\/\//.test(realm) || !URL.canParse(realm))
      throw unavailable(`registry ${this.#host}: its token service ${JSON.stringify(realm)} is not an HTTP address`);
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', scope ?? `repository:${this.#reference.path}:pull`);
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'gantry' };
    if (basic !== undefined) {
      if (url.protocol === 'http:' && !this.#isPlain(url.host))
        throw new GantryError(
          'failed-precondition',
          `registry ${this.#host}: its token service ${url.origin} is plain HTTP; credentials are not sent there`,
        );
      headers['authorization'] = basic;
    }
    const response = await this.#connections.get(url, headers, signal);
    const bytes = await readBody(response, url, MAX_DOCUMENT);
    if (response.statusCode === 401 || response.statusCode === 403) throw this.#wrongCredentials();
    if (response.statusCode !== 200)
      throw unavailable(`registry ${this.#host}: its token service ${url.host} answered ${response.statusCode}`, {
        reason: 'RegistryUnavailable',
      });
    const token = tokenOf(bytes);
    if (token === '')
      throw unavailable(`registry ${this.#host}: its token service ${url.host} answered without a token`);
    return token;
  }

  async #refusal(response: IncomingMessage, url: URL, path: string): Promise<GantryError> {
    const status = response.statusCode ?? 0;
    const said = registryMessage(await readBody(response, url, MAX_DOCUMENT).catch(() => Buffer.alloc(0)));
    const detail = said === '' ? `HTTP ${status}` : `HTTP ${status}: ${said}`;
    const name = `${repositoryName(this.#reference)} ${path}`;
    if (status === 404)
      return notFound(
        `registry ${this.#host} has no ${path.startsWith('manifests/') ? `image ${this.#name(path)}` : name} (${detail})`,
      );
    if (status === 401 || status === 403)
      return new GantryError(
        status === 401 ? 'unauthenticated' : 'permission-denied',
        `registry ${this.#host} refuses ${this.#name(path)}: it does not exist there or needs other credentials (${detail})`,
      );
    if (status === 429 || status >= 500)
      return unavailable(`registry ${this.#host} cannot serve ${name} now (${detail})`, {
        reason: 'RegistryUnavailable',
      });
    return new GantryError('unknown', `registry ${this.#host} answered ${detail} for ${name}`);
  }

  #name(path: string): string {
    const [, asked = ''] = path.split('/');
    return `${repositoryName(this.#reference)}${asked.startsWith('sha256:') ? '@' : ':'}${asked}`;
  }
}

function headerText(response: IncomingMessage, name: string): string {
  const value = response.headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
}

function tokenOf(bytes: Buffer): string {
  try {
    const body = JSON.parse(bytes.toString('utf8')) as { token?: unknown; access_token?: unknown };
    const token = body.token ?? body.access_token;
    return typeof token === 'string' ? token : '';
  } catch {
    return '';
  }
}

/** The first message of the registry's error document, on one line and short. */
function registryMessage(bytes: Buffer): string {
  try {
    const body = JSON.parse(bytes.toString('utf8')) as { errors?: { code?: string; message?: string }[] };
    const first = body.errors?.[0];
    return (first?.message ?? first?.code ?? '').replace(/\s+/g, ' ').slice(0, 200);
  } catch {
    return '';
  }
}
