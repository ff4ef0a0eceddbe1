import type { IncomingMessage } from 'node:http';
import { GantryError, invalidArgument, notFound, unavailable } from '../../base/errors.ts';
import { sha256Hex } from '../../base/hash.ts';
import type { BlobLocation, ImageSource, ManifestBlob } from './image-source.ts';
import { type Descriptor, MANIFEST_ACCEPT } from './manifest.ts';
import { type ImageReference, isDigest, isLoopbackRegistry, repositoryName } from './reference.ts';
import type { RegistryAuth, RegistryEndpoint, RegistryOptions, RepositoryAccess } from './registry-access.ts';
import { isNotHttps, RegistryConnections } from './registry-http.ts';
import { basicAuthorization, fetchToken, type TokenRequest, tokenRequests } from './registry-token.ts';
import { type AuthChallenge, parseChallenges } from './www-authenticate.ts';

const MAX_DOCUMENT = 4 << 20;
const MAX_REDIRECTS = 5;

/** An open answer with a blob in it, from the byte that was asked for; not verified here. */
export interface OpenBlob {
  readonly response: IncomingMessage;
  readonly url: URL;
  /** Bytes at its beginning that were not asked for: some servers know no ranges. */
  readonly surplus: number;
}

/**
 * One repository at one server, for one pull (OCI distribution spec 1.1, pull half; Docker's token flow). Credentials and headers go to that server
 * and, of credentials, to the token service it names; never to where it redirects, nor to a token service named there.
 */
export class RegistryRepository implements ImageSource {
  readonly #reference: ImageReference;
  readonly #auth: RegistryAuth | undefined;
  readonly #options: RegistryOptions;
  readonly #connections: RegistryConnections;
  #endpoint: RegistryEndpoint;
  #authorization: string | undefined;

  constructor(
    endpoint: RegistryEndpoint,
    reference: ImageReference,
    auth: RegistryAuth | undefined,
    options: RegistryOptions,
    connections = new RegistryConnections(options.timeouts),
  ) {
    this.#endpoint = endpoint;
    this.#reference = reference;
    this.#auth = auth;
    this.#options = options;
    this.#connections = connections;
    if (auth !== undefined && auth.registryToken !== '') this.#authorization = `Bearer ${auth.registryToken}`;
  }

  /** The repository as another process left it. `connections` are the caller's to close. */
  static resume(access: RepositoryAccess, connections: RegistryConnections): RegistryRepository {
    const { endpoint, reference, auth, options } = access;
    const repository = new RegistryRepository(endpoint, reference, auth, options, connections);
    repository.#authorization = access.authorization;
    return repository;
  }

  get canResolve(): boolean {
    return this.#endpoint.canResolve;
  }

  get canPull(): boolean {
    return this.#endpoint.canPull;
  }

  get #host(): string {
    return this.#endpoint.host;
  }

  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<ManifestBlob> {
    const { response, url } = await this.#get(`manifests/${tagOrDigest}`, { accept: MANIFEST_ACCEPT }, signal);
    const bytes = await this.#connections.body(response, url, MAX_DOCUMENT);
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

  async digestOf(tagOrDigest: string, signal: AbortSignal): Promise<string | undefined> {
    const { response } = await this.#get(`manifests/${tagOrDigest}`, { accept: MANIFEST_ACCEPT }, signal, true);
    response.resume();
    const digest = headerText(response, 'docker-content-digest');
    return isDigest(digest) ? digest : undefined;
  }

  async document(descriptor: Descriptor, signal: AbortSignal): Promise<Buffer> {
    if (descriptor.size > MAX_DOCUMENT)
      throw invalidArgument(
        `the image config ${descriptor.digest} has ${descriptor.size} bytes; at most ${MAX_DOCUMENT} are read`,
      );
    const { response, url } = await this.#get(`blobs/${descriptor.digest}`, { accept: '*/*' }, signal);
    const bytes = await this.#connections.body(response, url, MAX_DOCUMENT);
    const digest = `sha256:${sha256Hex(bytes)}`;
    if (digest !== descriptor.digest)
      throw new GantryError(
        'data-loss',
        `registry ${this.#host}: digest mismatch: the image config should be ${descriptor.digest} and is ${digest}`,
      );
    return bytes;
  }

  async locate(descriptor: Descriptor): Promise<BlobLocation> {
    return { kind: 'registry', repositories: [this.access()], digest: descriptor.digest };
  }

  /** What another process needs to read here too. */
  access(): RepositoryAccess {
    return {
      endpoint: this.#endpoint,
      reference: this.#reference,
      auth: this.#auth,
      options: this.#options,
      authorization: this.#authorization,
    };
  }

  /** A blob from its byte `offset` on. What breaks later comes out of the body, as Node says it. */
  async blob(digest: string, offset: number, signal: AbortSignal): Promise<OpenBlob> {
    const range = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const { response, url } = await this.#get(`blobs/${digest}`, { accept: '*/*', ...range }, signal);
    if (response.statusCode !== 206) return { response, url, surplus: offset };
    const begin = /^bytes (\d+)-/.exec(headerText(response, 'content-range'))?.[1];
    if (begin === String(offset)) return { response, url, surplus: 0 };
    response.destroy();
    throw unavailable(
      `registry ${url.host}: asked for a blob from byte ${offset} on, it sent ${begin === undefined ? 'some other part' : `what begins at byte ${begin}`}`,
      { reason: 'RegistryUnavailable' },
    );
  }

  close(): void {
    this.#connections.close();
  }

  async #get(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    isHead = false,
  ): Promise<{ response: IncomingMessage; url: URL }> {
    let answer = await this.#getByEitherScheme(path, headers, signal, isHead);
    // Whoever it redirects to may name a token service as well: the credentials are not for that.
    if (answer.response.statusCode === 401 && this.#isOwn(answer.url)) {
      const challenges = parseChallenges(headerText(answer.response, 'www-authenticate'));
      answer.response.resume();
      await this.#authenticate(challenges, signal);
      answer = await this.#getOnce(path, headers, signal, isHead);
    }
    const status = answer.response.statusCode;
    if (status !== 200 && !(status === 206 && headers['range'] !== undefined))
      throw await this.#refusal(answer.response, answer.url, path);
    return answer;
  }

  /** A TLS server answers plain HTTP with 400; a plain one answers HTTPS with something that is no TLS. */
  async #getByEitherScheme(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    isHead = false,
  ): Promise<{ response: IncomingMessage; url: URL }> {
    const other = this.#endpoint.otherScheme;
    try {
      const answer = await this.#getOnce(path, headers, signal, isHead);
      if (other !== 'https' || answer.response.statusCode !== 400) return answer;
      answer.response.destroy();
    } catch (error) {
      if (other !== 'http' || !isNotHttps(error)) throw error;
    }
    this.#endpoint = { ...this.#endpoint, scheme: other, otherScheme: undefined };
    return this.#getOnce(path, headers, signal, isHead);
  }

  async #getOnce(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    isHead = false,
  ): Promise<{ response: IncomingMessage; url: URL }> {
    const { scheme, root, mirrorOf, tls, dialTimeoutMs } = this.#endpoint;
    let url = new URL(`${scheme}://${this.#host}${root}/${this.#reference.path}/${path}`);
    if (mirrorOf !== undefined) url.searchParams.set('ns', mirrorOf);
    for (let redirects = 0; ; redirects += 1) {
      const sent: Record<string, string> = { 'user-agent': 'gantry' };
      if (this.#isOwn(url)) {
        Object.assign(sent, this.#endpoint.headers);
        if (this.#authorization !== undefined) sent['authorization'] = this.#authorization;
      }
      Object.assign(sent, headers);
      const response = await this.#connections.send(url, { headers: sent, tls, dialTimeoutMs, isHead }, signal);
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

  /** False for where it redirects. */
  #isOwn(url: URL): boolean {
    return url.origin === new URL(`${this.#endpoint.scheme}://${this.#host}`).origin;
  }

  async #authenticate(challenges: readonly AuthChallenge[], signal: AbortSignal): Promise<void> {
    const bearer = challenges.find(c => c.scheme === 'bearer');
    if (bearer !== undefined) {
      const requests = tokenRequests(this.#host, this.#reference.path, bearer, this.#auth);
      const token = await fetchToken(
        this.#host,
        requests,
        request => this.#askForToken(request, signal),
        (response, url) => this.#connections.body(response, url, MAX_DOCUMENT),
        () => this.#wrongCredentials(),
      );
      this.#authorization = `Bearer ${token}`;
      return;
    }
    const basic = basicAuthorization(this.#auth);
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

  #wrongCredentials(): GantryError {
    return new GantryError(
      'unauthenticated',
      `registry ${this.#host} refuses the given credentials for ${this.#reference.path}`,
    );
  }

  async #askForToken({ url, authorization, form }: TokenRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'gantry' };
    if (authorization !== undefined) headers['authorization'] = authorization;
    if (form !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
    const isSecret = authorization !== undefined || form !== undefined;
    const isPlainHere = this.#endpoint.scheme === 'http' && url.host === this.#host;
    const mayBePlain = isPlainHere || isLoopbackRegistry(url.host) || this.#options.insecure.includes(url.host);
    if (isSecret && url.protocol === 'http:' && !mayBePlain)
      throw new GantryError(
        'failed-precondition',
        `registry ${this.#host}: its token service ${url.origin} is plain HTTP; credentials are not sent there`,
      );
    const { tls, dialTimeoutMs } = this.#endpoint;
    const what = { headers, tls, dialTimeoutMs };
    return this.#connections.send(url, form === undefined ? what : { ...what, form }, signal);
  }

  async #refusal(response: IncomingMessage, url: URL, path: string): Promise<GantryError> {
    const status = response.statusCode ?? 0;
    const said = registryMessage(
      await this.#connections.body(response, url, MAX_DOCUMENT).catch(() => Buffer.alloc(0)),
    );
    const answered = this.#isOwn(url) ? `HTTP ${status}` : `HTTP ${status} from ${url.host}, to which it redirects`;
    const detail = said === '' ? answered : `${answered}: ${said}`;
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
