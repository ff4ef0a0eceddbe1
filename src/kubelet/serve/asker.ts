import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { TokenReview } from '../../api/types/gen/authentication-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import type { Logger } from '../../daemon/logger.ts';
import { certificateIdentity } from '../../pki/certificate.ts';
import { TimedCache } from './timed-cache.ts';

/** Who sent a request. */
export interface Asker {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface AskerOptions {
  /** Tells whose token it is; undefined where tokens are not taken. */
  readonly connection: ApiConnection | undefined;
  readonly tokenTtlMs: number;
  /** Whether who shows nothing is somebody. */
  readonly anonymous: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const ANONYMOUS: Asker = { name: 'system:anonymous', uid: '', groups: ['system:unauthenticated'], extra: {} };
const REVIEWS = { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews' };
const MAX_TOKENS = 1024;
const REVIEW_MS = 10_000;
/** Longer ones are no tokens. */
const MAX_TOKEN_LENGTH = 64 * 1024;

/** Finds out who asks: by a client certificate, else by a token that the API server knows, else as nobody where that is allowed. */
export class Askers {
  readonly #options: AskerOptions;
  readonly #reviews: ResourceClient<TokenReview> | undefined;
  readonly #tokens: TimedCache<Asker | undefined>;

  constructor(options: AskerOptions) {
    this.#options = options;
    this.#reviews = options.connection && new ResourceClient<TokenReview>(options.connection, REVIEWS);
    this.#tokens = new TimedCache(MAX_TOKENS, options.clock);
  }

  /** Undefined for who proves nothing. Never throws: a token that cannot be judged proves nothing. */
  async of(request: IncomingMessage): Promise<Asker | undefined> {
    const certificate = certificateAsker(request);
    if (certificate !== undefined) return certificate;
    const header = request.headers.authorization;
    if (header === undefined) return this.#options.anonymous ? ANONYMOUS : undefined;
    const token = /^bearer +(\S+)\s*$/i.exec(header)?.[1];
    if (token === undefined || token.length > MAX_TOKEN_LENGTH || this.#reviews === undefined) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    try {
      return await this.#tokens.get(key, () => this.#review(token));
    } catch (error) {
      this.#options.log.warn({ because: errorMessage(error) }, 'a token could not be judged');
      return undefined;
    }
  }

  /** Not with the signal of the request: others may wait for the same answer. */
  async #review(token: string): Promise<{ value: Asker | undefined; ttlMs: number }> {
    const review = { metadata: {}, spec: { token }, status: {} } as TokenReview;
    const { status } = (await this.#reviews?.create(review, AbortSignal.timeout(REVIEW_MS))) ?? review;
    const { username = '', uid = '', groups = [], extra = {} } = status?.user ?? {};
    const value = status?.authenticated === true ? { name: username, uid, groups, extra } : undefined;
    return { value, ttlMs: this.#options.tokenTtlMs };
  }
}

/** The user of a certificate that the client CA signed. */
function certificateAsker({ socket }: IncomingMessage): Asker | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const raw: Buffer | undefined = socket.getPeerCertificate().raw;
  if (raw === undefined) return undefined;
  const { commonName, organizations } = certificateIdentity(raw);
  if (commonName === '') return undefined;
  return { name: commonName, uid: '', groups: [...organizations, 'system:authenticated'], extra: {} };
}
