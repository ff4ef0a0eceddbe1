import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { decodeValue } from '../../src/api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../src/api/defaults/resources.ts';
import { loadPackages } from '../../src/api/schema/packages.ts';
import { userInfo } from '../../src/apiserver/authn/user.ts';
import { mastersAuthorizer } from '../../src/apiserver/authz/authorizer.ts';
import { RbacAuthorizer } from '../../src/apiserver/authz/rbac/rbac-authorizer.ts';
import { decodeHere } from '../../src/apiserver/body/body-decoder.ts';
import type { admissionPlugins } from '../../src/apiserver/handlers/admission-plugins.ts';
import { createObject } from '../../src/apiserver/handlers/create-object.ts';
import { deleteObject } from '../../src/apiserver/handlers/delete.ts';
import type { HandlerContext, WriteOptions } from '../../src/apiserver/handlers/handler-context.ts';
import { QuotaCharger } from '../../src/apiserver/handlers/quota-charge.ts';
import { servedResources } from '../../src/apiserver/handlers/resource-map.ts';
import type { ServedResource } from '../../src/apiserver/handlers/served-resource.ts';
import { ServiceAllocator } from '../../src/apiserver/handlers/service-allocator.ts';
import { updateObject } from '../../src/apiserver/handlers/write-object.ts';
import type { Written } from '../../src/apiserver/handlers/written.ts';
import { Kubelets } from '../../src/apiserver/kubelets.ts';
import { ProxyAgents } from '../../src/apiserver/proxy/proxy-agents.ts';
import type { ApiObject } from '../../src/apiserver/resources/strategy.ts';
import { repairAllocations } from '../../src/apiserver/start/repair-allocations.ts';
import type { Storage } from '../../src/apiserver/storage/storage.ts';
import { WatchCache } from '../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { noUsage } from './no-usage.ts';

export interface HandlersOptions {
  readonly clock?: Clock;
  readonly families?: readonly ('IPv4' | 'IPv6')[];
  readonly nodePorts?: { readonly first: number; readonly last: number };
  readonly admission?: typeof admissionPlugins;
}

/** What a server does behind authorization, over any storage: several over the same one are several servers. */
export class HandlersOnStorage {
  readonly handlers: HandlerContext;
  readonly cache: WatchCache;
  readonly #storage: Storage;
  readonly #nodePorts: { readonly first: number; readonly last: number };
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(storage: Storage, options: HandlersOptions) {
    const clock = options.clock ?? systemClock;
    setMaxListeners(0, this.#stop.signal);
    this.#storage = storage;
    this.#nodePorts = options.nodePorts ?? { first: 30000, last: 32767 };
    this.cache = new WatchCache(storage, { clock });
    const resources = servedResources(this.cache);
    const log = createLogger({ daemon: 'test', level: 'silent' });
    const none = { get: () => undefined, list: () => [] };
    this.handlers = {
      resources,
      bodies: decodeHere,
      admission: options.admission?.(resources, clock, mastersAuthorizer) ?? [],
      authorizer: mastersAuthorizer,
      rbac: new RbacAuthorizer({ roles: none, roleBindings: none, clusterRoles: none, clusterRoleBindings: none }),
      allocator: new ServiceAllocator(resources, {
        families: options.families ?? ['IPv4'],
        nodePorts: this.#nodePorts,
        clock,
        log,
      }),
      quotas: new QuotaCharger(resources, clock),
      tokens: { issuer: 'test', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, audiences: [] },
      tokenAuthenticator: { name: 'none', authenticate: async () => ({ kind: 'none' }) },
      kubelets: new Kubelets({ certificate: undefined, ca: undefined, addressTypes: [] }),
      proxies: new ProxyAgents(),
      components: new Map(),
      usage: noUsage,
      clock,
      log,
    };
  }

  /** Ready when the cache has read everything. */
  static async start(storage: Storage, options: HandlersOptions = {}): Promise<HandlersOnStorage> {
    await loadPackages();
    const server = new HandlersOnStorage(storage, options);
    await new Promise<void>(ready => {
      server.#running = server.cache.run(server.#stop.signal, ready);
    });
    return server;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the test is over'));
    await this.#running;
  }

  /** `id` is `group/version/plural`. */
  resource(id: string): ServedResource {
    const served = this.handlers.resources.get(id);
    if (served === undefined) throw new Error(`${id} is not served`);
    return served;
  }

  async create(id: string, object: object, options: Partial<WriteOptions> = {}): Promise<ApiObject> {
    const served = this.resource(id);
    return shown(await createObject(this.handlers, served, whole(served, object), this.#write(options)));
  }

  /** Writes what `change` makes of the stored object. */
  async update(
    id: string,
    target: { readonly namespace: string; readonly name: string },
    change: (old: ApiObject) => object | Promise<object>,
    options: Partial<WriteOptions> = {},
  ): Promise<ApiObject> {
    const served = this.resource(id);
    const request = {
      ...target,
      rules: served.strategy,
      change: async (old: ApiObject) => whole(served, await change(old)),
      tracked: 'here' as const,
    };
    return shown(await updateObject(this.handlers, served, request, this.#write(options)));
  }

  async remove(id: string, namespace: string, name: string, options: Partial<WriteOptions> = {}): Promise<void> {
    await deleteObject(this.handlers, this.resource(id), { namespace, name }, {}, this.#write(options));
  }

  /** All that is stored of a kind, read from the storage itself. */
  async stored(id: string): Promise<readonly ApiObject[]> {
    const served = this.resource(id);
    const { items } = await served.storage.list(served.scope(''));
    return items.map(item => served.decode(item));
  }

  async repair(): Promise<void> {
    const { resources, log } = this.handlers;
    const parts = { resources, storage: this.#storage, nodePorts: this.#nodePorts, log };
    const now = () => '2030-01-01T00:00:00Z';
    await this.caughtUp();
    await repairAllocations({ ...parts, now, newUid: randomUUID }, this.#stop.signal);
  }

  /** Waits until the cache has seen all that is stored. */
  async caughtUp(): Promise<void> {
    await this.cache.reaches(await this.#storage.currentRevision(), 5_000);
  }

  #write(options: Partial<WriteOptions>): WriteOptions {
    return {
      user: userInfo('admin', ['system:masters']),
      dryRun: false,
      fieldManager: 'test',
      signal: this.#stop.signal,
      subresource: '',
      verb: 'update',
      warn() {},
      ...options,
    };
  }
}

function shown(written: Written): ApiObject {
  return written.kind === 'stored' ? written.entry.object : written.object;
}

function whole(served: ServedResource, object: object): ApiObject {
  const decoded = decodeValue(served.type, JSON.parse(JSON.stringify(object))).object as unknown as ApiObject;
  return withResourceDefaults(served.resource, decoded);
}
