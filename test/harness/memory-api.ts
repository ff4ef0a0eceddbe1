import { generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { loadPackages } from '../../src/api/schema/packages.ts';
import type { Node } from '../../src/api/types/gen/core-v1.ts';
import { authenticated, type RequestAuthenticator, tokenUnion } from '../../src/apiserver/authn/authenticator.ts';
import { GROUP_MASTERS, userInfo } from '../../src/apiserver/authn/user.ts';
import {
  ALLOW,
  type Authorizer,
  authorizerUnion,
  mastersAuthorizer,
  NO_RULES,
  noOpinion,
} from '../../src/apiserver/authz/authorizer.ts';
import { RbacAuthorizer } from '../../src/apiserver/authz/rbac/rbac-authorizer.ts';
import { decodeHere } from '../../src/apiserver/body/body-decoder.ts';
import { componentChecks } from '../../src/apiserver/component-health.ts';
import { admissionPlugins } from '../../src/apiserver/handlers/admission-plugins.ts';
import { resourceHandler } from '../../src/apiserver/handlers/dispatch.ts';
import type { HandlerContext } from '../../src/apiserver/handlers/handler-context.ts';
import { QuotaCharger } from '../../src/apiserver/handlers/quota-charge.ts';
import { protobufStatusWriter } from '../../src/apiserver/handlers/represent.ts';
import { resourceLister } from '../../src/apiserver/handlers/resource-lister.ts';
import { servedResources } from '../../src/apiserver/handlers/resource-map.ts';
import type { ServedResource } from '../../src/apiserver/handlers/served-resource.ts';
import { ServiceAllocator } from '../../src/apiserver/handlers/service-allocator.ts';
import { type ApiRequest, type ApiResponse, isWhole } from '../../src/apiserver/http.ts';
import { type KubeletAccess, Kubelets } from '../../src/apiserver/kubelets.ts';
import { RequestMetrics } from '../../src/apiserver/pipeline/request-metrics.ts';
import { buildPipeline, DEFAULT_LIMITS, DEFAULT_REQUEST_TIMEOUT_MS } from '../../src/apiserver/pipeline.ts';
import { ProxyAgents } from '../../src/apiserver/proxy/proxy-agents.ts';
import { NodeUsages } from '../../src/apiserver/resource-usage/node-usages.ts';
import type { Scrape } from '../../src/apiserver/resource-usage/scrape.ts';
import { encodeNodePorts, NODE_PORTS_KEY } from '../../src/apiserver/resources/core/service/node-port-map.ts';
import { chunksOf } from '../../src/apiserver/serve/body-pieces.ts';
import { jsonWriter, yamlWriter } from '../../src/apiserver/status/status-response.ts';
import { MemoryStore } from '../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../src/apiserver/storage/optimistic-storage.ts';
import { WatchCache } from '../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { Registry } from '../../src/daemon/metrics.ts';
import { requestOf } from '../unit/apiserver/requests.ts';
import { FakeClock } from './fake-clock.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

export interface Asked {
  /** An object becomes JSON. */
  readonly body?: object | string | Buffer;
  readonly accept?: string;
  readonly contentType?: string;
  readonly userAgent?: string;
  /** Anybody but the admin, who is a system:masters, may do everything that is no verb of its own (`unsafe-…`, `bind`, `escalate`, `approve`, `sign`). */
  readonly user?: string;
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly bytes: Buffer;
  readonly warnings: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind
  readonly json: any;
}

const byHeader: RequestAuthenticator = {
  name: 'test',
  authenticate: async ({ headers }) => {
    const user = headers.get('x-user');
    return authenticated(user === '' ? userInfo('admin', [GROUP_MASTERS]) : userInfo(user, []));
  },
};

const NODE_PORTS = { first: 30000, last: 32767 };
const PLAIN_VERBS = new Set(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']);
const authorizer: Authorizer = authorizerUnion([
  mastersAuthorizer,
  { name: 'test', authorize: ({ verb }) => (PLAIN_VERBS.has(verb) ? ALLOW : noOpinion('')), rulesFor: () => NO_RULES },
]);

/** The pipeline, the handlers and admission of an API server over storage in memory, without sockets. */
export class MemoryApi {
  readonly clock = new FakeClock();
  readonly storage = new OptimisticStorage(new MemoryStore(this.clock));
  readonly cache: WatchCache;
  readonly resources: ReadonlyMap<string, ServedResource>;
  /** What kubelets tell of what is used. */
  scrape: (node: Node) => Scrape | Promise<Scrape> = () => ({ node: undefined, pods: new Map() });
  readonly #respond: ReturnType<typeof buildPipeline>;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** Starts one with the namespaces `default` and `a`. */
  static async start(kubelets: Partial<KubeletAccess> = {}): Promise<MemoryApi> {
    await loadPackages();
    const api = new MemoryApi(kubelets);
    await new Promise<void>(ready => {
      api.#running = api.cache.run(api.#stop.signal, ready);
    });
    await api.put(NODE_PORTS_KEY, encodeNodePorts(NODE_PORTS, []));
    await api.put('/registry/servicecidrs/kubernetes', {
      kind: 'ServiceCIDR',
      apiVersion: 'networking.k8s.io/v1',
      metadata: { name: 'kubernetes' },
      spec: { cidrs: ['10.0.0.0/24'] },
    });
    for (const name of ['default', 'a']) {
      await api.put(`/registry/namespaces/${name}`, {
        kind: 'Namespace',
        apiVersion: 'v1',
        metadata: { name },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      });
      await api.put(`/registry/serviceaccounts/${name}/default`, {
        kind: 'ServiceAccount',
        apiVersion: 'v1',
        metadata: { name: 'default', namespace: name },
      });
    }
    return api;
  }

  private constructor(kubelets: Partial<KubeletAccess>) {
    const { clock, storage } = this;
    const log = createLogger({ daemon: 'test', level: 'silent' });
    this.cache = new WatchCache(storage, { clock });
    this.resources = servedResources(this.cache);
    const lister = <T>(id: string) => resourceLister<T>(this.served(id));
    const rbac = new RbacAuthorizer({
      roles: lister('rbac.authorization.k8s.io/v1/roles'),
      roleBindings: lister('rbac.authorization.k8s.io/v1/rolebindings'),
      clusterRoles: lister('rbac.authorization.k8s.io/v1/clusterroles'),
      clusterRoleBindings: lister('rbac.authorization.k8s.io/v1/clusterrolebindings'),
    });
    const handlers: HandlerContext = {
      resources: this.resources,
      bodies: decodeHere,
      admission: admissionPlugins(this.resources, clock, authorizer),
      authorizer,
      rbac,
      allocator: new ServiceAllocator(this.resources, { families: ['IPv4'], nodePorts: NODE_PORTS, clock, log }),
      quotas: new QuotaCharger(this.resources, clock),
      tokens: {
        issuer: 'https://issuer.test',
        key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
        audiences: ['https://issuer.test'],
      },
      tokenAuthenticator: tokenUnion([]),
      kubelets: new Kubelets({
        certificate: undefined,
        ca: undefined,
        addressTypes: ['InternalIP'],
        ...kubelets,
      }),
      proxies: new ProxyAgents(),
      components: componentChecks(storage),
      usage: {
        nodes: lister('/v1/nodes'),
        pods: lister('/v1/pods'),
        usages: new NodeUsages({ scrape: async node => this.scrape(node), clock, log }),
      },
      clock,
      log,
    };
    this.#respond = buildPipeline(
      {
        authenticator: byHeader,
        authorizer,
        limits: DEFAULT_LIMITS,
        requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
        writers: [jsonWriter, yamlWriter, protobufStatusWriter],
        metrics: new RequestMetrics(new Registry(), clock, () => true),
        stopping: this.#stop.signal,
        clock,
        log,
      },
      resourceHandler(handlers),
    );
  }

  served(id: string): ServedResource {
    const served = this.resources.get(id);
    if (served === undefined) throw new Error(`${id} is not served`);
    return served;
  }

  /** Stores bytes, or an object as JSON, past the API; the cache has them when this returns. */
  async put(key: string, value: Buffer | object): Promise<number> {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    const { revision } = await this.storage.update(key, () => ({ value: bytes }), { createIfMissing: true });
    await this.cache.reaches(revision, 1000);
    return revision;
  }

  /** The stored bytes. */
  async stored(key: string): Promise<Buffer> {
    return (await this.storage.get(key)).value;
  }

  /** The pipeline, for a server in front of it. */
  readonly handle = (request: ApiRequest): Promise<ApiResponse> => this.#respond(request);

  /** An answer as it comes from the pipeline. */
  respond(method: string, url: string, asked: Asked = {}, signal?: AbortSignal): Promise<ApiResponse> {
    const { body = '', accept, contentType, user, userAgent } = asked;
    const bytes =
      typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
    const request = requestOf({
      method,
      url,
      headers: {
        ...(accept === undefined ? {} : { accept }),
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...(user === undefined ? {} : { 'x-user': user }),
        ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    return this.#respond({
      ...request,
      readBody: async () => bytes,
      hasBody: bytes.length > 0,
      bodyStream: () => Readable.from([bytes]),
    });
  }

  /** A request and its whole answer; a stream is read to its end. */
  async ask(method: string, url: string, asked: Asked = {}): Promise<Answer> {
    const request = new AbortController();
    const response = await this.respond(method, url, asked, request.signal);
    const bytes = await wholeBody(response);
    request.abort(new Error('the request has ended'));
    const type = String(response.headers['content-type'] ?? '');
    const warnings = response.headers['warning'] ?? [];
    return {
      status: response.status,
      type,
      bytes,
      warnings: typeof warnings === 'string' ? [warnings] : warnings,
      json: type.startsWith('application/json') && !type.includes('stream') ? JSON.parse(bytes.toString()) : undefined,
    };
  }

  /** Begins a watch. */
  async watch(url: string, accept?: string): Promise<TestWatch> {
    const leave = new AbortController();
    const response = await this.respond('GET', url, accept === undefined ? {} : { accept }, leave.signal);
    return new TestWatch(response, leave);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the test is over'));
    await this.#running;
  }
}

async function wholeBody({ body }: ApiResponse): Promise<Buffer> {
  if (isWhole(body)) return Buffer.concat(chunksOf(body));
  const pieces: Buffer[] = [];
  const sink = {
    async write(chunks: Iterable<Uint8Array>) {
      for (const chunk of chunks) pieces.push(Buffer.from(chunk));
    },
  };
  await body.stream(sink, new AbortController().signal);
  return Buffer.concat(pieces);
}

/** A watch whose stream is read as it comes. */
export class TestWatch {
  readonly status: number;
  readonly type: string;
  readonly ended: Promise<void>;
  readonly #leave: AbortController;
  #text = '';
  #bytes = Buffer.alloc(0);
  #wake = (): void => {};

  constructor(response: ApiResponse, leave: AbortController) {
    this.status = response.status;
    this.type = String(response.headers['content-type'] ?? '');
    this.#leave = leave;
    const { body } = response;
    if (isWhole(body)) throw new Error(`no stream: ${Buffer.concat(chunksOf(body)).toString()}`);
    const write = async (chunks: Iterable<Uint8Array>): Promise<void> => {
      for (const chunk of chunks) {
        this.#bytes = Buffer.concat([this.#bytes, chunk]);
        this.#text += Buffer.from(chunk).toString();
        this.#wake();
      }
    };
    this.ended = body.stream({ write }, leave.signal);
  }

  /** What has come so far and was not taken yet. */
  takeBytes(): Buffer {
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return bytes;
  }

  /** The next `count` events of a stream of JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: as in Answer
  async events(count: number): Promise<any[]> {
    // biome-ignore lint/suspicious/noExplicitAny: as in Answer
    const events: any[] = [];
    const over = this.ended.then(
      () => true,
      () => true,
    );
    for (let ended = false; events.length < count; ) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        events.push(JSON.parse(this.#text.slice(0, end)));
        this.#text = this.#text.slice(end + 1);
        continue;
      }
      if (ended) throw new Error(`the watch ended after ${events.length} of ${count} events`);
      const more = new Promise<boolean>(resolve => {
        this.#wake = () => resolve(false);
      });
      ended = await Promise.race([more, over]);
    }
    return events;
  }

  /** Leaves, and waits until the server has noticed. */
  async close(): Promise<void> {
    this.#leave.abort(new Error('the client left'));
    await this.ended.catch(() => {});
  }
}
