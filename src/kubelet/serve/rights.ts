import type { SubjectAccessReview } from '../../api/types/gen/authorization-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import type { Asker } from './asker.ts';
import { TimedCache } from './timed-cache.ts';

const REVIEWS = { group: 'authorization.k8s.io', version: 'v1', plural: 'subjectaccessreviews' };
const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
const MAX_ANSWERS = 8192;
const REVIEW_MS = 10_000;

/** What of the node a request touches, as subresources of it: one right is enough. The finer ones come first. */
export function subresourcesOf(path: string): readonly string[] {
  const within = (parent: string): boolean => path === parent || path.startsWith(`${parent}/`);
  for (const [parent, subresources] of [
    ['/stats', ['stats']],
    ['/metrics', ['metrics']],
    ['/logs', ['log']],
    ['/checkpoint', ['checkpoint']],
    ['/statusz', ['statusz']],
    ['/flagz', ['configz']],
    ['/pods', ['pods', 'proxy']],
    ['/runningpods', ['pods', 'proxy']],
    ['/healthz', ['healthz', 'proxy']],
    ['/configz', ['configz', 'proxy']],
  ] as const)
    if (within(parent)) return subresources;
  return ['proxy'];
}

/** The verb of the API that a method stands for. */
export function verbOf(method: string): string {
  return VERBS[method] ?? '';
}

/** Asks the API server who may do what here, and remembers its answers for a while. */
export class Rights {
  readonly #reviews: ResourceClient<SubjectAccessReview>;
  readonly #nodeName: string;
  readonly #ttl: { readonly allowedMs: number; readonly deniedMs: number };
  readonly #answers: TimedCache<boolean>;

  constructor(
    connection: ApiConnection,
    options: {
      readonly nodeName: string;
      readonly allowedMs: number;
      readonly deniedMs: number;
      readonly clock: Clock;
    },
  ) {
    this.#reviews = new ResourceClient<SubjectAccessReview>(connection, REVIEWS);
    this.#nodeName = options.nodeName;
    this.#ttl = options;
    this.#answers = new TimedCache(MAX_ANSWERS, options.clock);
  }

  /** Rejects where the API server cannot be asked. */
  async allows(asker: Asker, verb: string, path: string): Promise<boolean> {
    for (const subresource of subresourcesOf(path)) if (await this.#allowed(asker, verb, subresource)) return true;
    return false;
  }

  #allowed(asker: Asker, verb: string, subresource: string): Promise<boolean> {
    const { name: user, uid, groups, extra } = asker;
    const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: this.#nodeName };
    const spec = { user, uid, groups, extra, resourceAttributes };
    return this.#answers.get(JSON.stringify(spec), async () => {
      const review = { metadata: {}, spec } as unknown as SubjectAccessReview;
      // not the signal of the request: others may wait for the same answer
      const answer = await this.#reviews.create(review, AbortSignal.timeout(REVIEW_MS));
      const value = answer.status?.allowed === true;
      return { value, ttlMs: value ? this.#ttl.allowedMs : this.#ttl.deniedMs };
    });
  }
}
