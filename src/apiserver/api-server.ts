import type { KeyObject } from 'node:crypto';
import { loadPackages } from '../api/schema/packages.ts';
import type { Node, Pod, Secret } from '../api/types/gen/core-v1.ts';
import { parseCidr } from '../base/cidr.ts';
import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { TimeSlice } from '../base/time-slice.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import type { Registry } from '../daemon/metrics.ts';
import { authenticatorUnion, tokenUnion, withAnonymous } from './authn/authenticator.ts';
import { bearerTokenAuthenticator } from './authn/bearer-token.ts';
import { bootstrapTokenAuthenticator } from './authn/bootstrap-token.ts';
import { clientCertificateAuthenticator } from './authn/client-certificate.ts';
import { serviceAccountTokenAuthenticator } from './authn/service-account-token.ts';
import { authorizerUnion, mastersAuthorizer } from './authz/authorizer.ts';
import { CLUSTER_ROLES } from './authz/default-policy/cluster-roles.ts';
import { nodeAuthorizer } from './authz/node/node-authorizer.ts';
import type { NodeListers } from './authz/node/node-relations.ts';
import { RbacAuthorizer } from './authz/rbac/rbac-authorizer.ts';
import { BodyWorkers, startBodyWorker } from './body/body-workers.ts';
import { componentChecks } from './component-health.ts';
import { discoveryHandler } from './discovery/discovery-handler.ts';
import { discoveryPaths } from './discovery/documents.ts';
import { servedGroups } from './discovery/groups.ts';
import { issuerDiscovery } from './discovery/issuer-discovery.ts';
import { openApiHandler } from './discovery/openapi-handler.ts';
import { admissionPlugins } from './handlers/admission-plugins.ts';
import { boundObjects } from './handlers/bound-objects.ts';
import { resourceHandler } from './handlers/dispatch.ts';
import type { HandlerContext } from './handlers/handler-context.ts';
import { PodsByNode } from './handlers/pods-by-node.ts';
import { QuotaCharger } from './handlers/quota-charge.ts';
import { protobufStatusWriter } from './handlers/represent.ts';
import { type OnUnreadable, resourceLister } from './handlers/resource-lister.ts';
import { describedResources, servedResources } from './handlers/resource-map.ts';
import type { ServedResource } from './handlers/served-resource.ts';
import { ServiceAllocator } from './handlers/service-allocator.ts';
import { type KubeletAccess, Kubelets } from './kubelets.ts';
import type { Lister } from './lister.ts';
import { amongResources, RequestMetrics } from './pipeline/request-metrics.ts';
import { buildPipeline, DEFAULT_LIMITS, DEFAULT_REQUEST_TIMEOUT_MS } from './pipeline.ts';
import { ProxyAgents } from './proxy/proxy-agents.ts';
import { NodeUsages } from './resource-usage/node-usages.ts';
import { scrapeKubelet } from './resource-usage/scrape-kubelet.ts';
import { type NamedCheck, pingCheck, sharedCheck, shutdownCheck } from './serve/health.ts';
import { metaEndpoints, type VersionInfo } from './serve/meta-endpoints.ts';
import type { ServerTls } from './serve/server-tls.ts';
import { ApiServer } from './server.ts';
import { ServerUpkeep } from './start/server-upkeep.ts';
import { jsonWriter, yamlWriter } from './status/status-response.ts';
import { runCompactor } from './storage/compactor.ts';
import type { Storage } from './storage/storage.ts';
import { WatchCache } from './storage/watch-cache/watch-cache.ts';

export interface ApiServerSettings {
  readonly host: string;
  readonly port: number;
  /** Where clients reach this server: in the `kubernetes` endpoints and in discovery. */
  readonly advertiseAddress: string;
  readonly tls: ServerTls;
  readonly kubelets: KubeletAccess;
  readonly serviceAccounts: {
    /** The first signs. */
    readonly issuers: readonly string[];
    readonly signingKey: KeyObject;
    readonly publicKeys: readonly KeyObject[];
    readonly audiences: readonly string[];
  };
  /** One, or one of each family. */
  readonly serviceCidrs: readonly string[];
  readonly nodePorts: { readonly first: number; readonly last: number };
  /** Of the machine: it names this server to others. */
  readonly hostname: string;
  readonly version: VersionInfo;
}

export interface ApiServerParts {
  readonly settings: ApiServerSettings;
  readonly storage: Storage;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onListening?: (port: number) => void;
}

/** An API server that can take other certificates while it runs. */
export interface RunningApi extends Component {
  /** See `ApiServer.replaceTls`. */
  replaceTls(tls: ServerTls): void;
  /** See `Kubelets.replaceCertificate`. */
  replaceKubeletCertificate(certificate: NonNullable<KubeletAccess['certificate']>): void;
}

/** Paths of documents that handlers of their own answer. */
const DOCUMENT_PATHS = ['/.well-known/openid-configuration', '/openapi/v2', '/openapi/v3', '/openid/v1/jwks'];

/** The whole API server over a storage: watch cache, pipeline, handlers, the objects that it keeps. */
export async function apiServer(parts: ApiServerParts): Promise<RunningApi> {
  const { settings, storage, registry, clock, log } = parts;
  await loadPackages();
  const stopping = new AbortController();
  const watchCache = new WatchCache(storage, { clock, log });
  const described = describedResources();
  const resources = servedResources(watchCache);
  const unreadable: OnUnreadable = error => log.warn(`left out: ${errorMessage(error)}`);
  const servedBy = (id: string): ServedResource => {
    const served = resources.get(id);
    if (served === undefined) throw new Error(`${id} is not served`);
    return served;
  };
  const lister = <T>(id: string): Lister<T> => resourceLister<T>(servedBy(id), unreadable);
  const rbac = new RbacAuthorizer({
    roles: lister('rbac.authorization.k8s.io/v1/roles'),
    roleBindings: lister('rbac.authorization.k8s.io/v1/rolebindings'),
    clusterRoles: lister('rbac.authorization.k8s.io/v1/clusterroles'),
    clusterRoleBindings: lister('rbac.authorization.k8s.io/v1/clusterrolebindings'),
  });
  const nodeRules = CLUSTER_ROLES.find(row => row.metadata.name === 'system:node')?.rules ?? [];
  const podsByNode = new PodsByNode(servedBy('/v1/pods'));
  const authorizer = authorizerUnion([
    mastersAuthorizer,
    nodeAuthorizer(nodeListers(lister, podsByNode), nodeRules),
    rbac,
  ]);
  const { issuers, publicKeys, audiences, signingKey } = settings.serviceAccounts;
  const bound = boundObjects(resources);
  const tokenAuthenticator = tokenUnion([
    serviceAccountTokenAuthenticator({ issuers, publicKeys, objects: bound, clock }),
    bootstrapTokenAuthenticator(lister<Secret>('/v1/secrets'), clock, because => log.info(because)),
  ]);
  const bodies = new BodyWorkers({ start: startBodyWorker, clock, log });
  const kubelets = new Kubelets(settings.kubelets);
  const proxies = new ProxyAgents();
  const handlers: HandlerContext = {
    resources,
    bodies,
    admission: admissionPlugins(resources, clock, authorizer, unreadable),
    authorizer,
    rbac,
    allocator: new ServiceAllocator(resources, {
      families: settings.serviceCidrs.map(cidr => `IPv${parseCidr(cidr).family}` as const),
      nodePorts: settings.nodePorts,
      clock,
      log,
    }),
    quotas: new QuotaCharger(resources, clock),
    tokens: { issuer: issuers[0] ?? '', key: signingKey, audiences },
    tokenAuthenticator,
    kubelets,
    proxies,
    components: componentChecks(storage),
    usage: {
      nodes: lister<Node>('/v1/nodes'),
      pods: lister<Pod>('/v1/pods'),
      usages: new NodeUsages({
        scrape: (node, signal) => scrapeKubelet(kubelets, node, clock, signal),
        clock,
        log,
      }),
    },
    clock,
    log,
  };
  let started = false;
  const checks = healthChecks(watchCache, storage, clock, () => started);
  const address = `${settings.advertiseAddress}:${settings.port}`;
  const documents = { version: settings.version.gitVersion, resources: described };
  const handler = metaEndpoints(
    {
      version: settings.version,
      registry,
      livenessChecks: checks.live,
      readinessChecks: [...checks.ready, shutdownCheck(stopping.signal)],
      otherPaths: [...DOCUMENT_PATHS, ...discoveryPaths(servedGroups(described))],
      clock,
      log,
    },
    openApiHandler(
      documents,
      issuerDiscovery(
        { issuer: issuers[0] ?? '', publicKeys, jwksUri: `https://${address}/openid/v1/jwks` },
        discoveryHandler({ resources: described, serverAddress: address }, resourceHandler(handlers)),
      ),
    ),
  );
  const metrics = new RequestMetrics(registry, clock, amongResources(described));
  const respond = buildPipeline(
    {
      authenticator: withAnonymous(
        authenticatorUnion([clientCertificateAuthenticator, bearerTokenAuthenticator(tokenAuthenticator, audiences)]),
      ),
      authorizer,
      limits: DEFAULT_LIMITS,
      requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
      writers: [jsonWriter, yamlWriter, protobufStatusWriter],
      metrics,
      stopping: stopping.signal,
      clock,
      log,
    },
    handler,
  );
  const server = new ApiServer({
    host: settings.host,
    port: settings.port,
    tls: settings.tls,
    respond,
    ...(parts.onListening === undefined ? {} : { onListening: parts.onListening }),
    onHandshakeError: () => metrics.handshakeFailed(),
    clock,
    log,
  });
  return {
    name: 'apiserver',
    replaceTls: tls => server.replaceTls(tls),
    replaceKubeletCertificate: certificate => kubelets.replaceCertificate(certificate),
    async run(signal, ready) {
      const stop = (): void => stopping.abort(signal.reason);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
      await new Promise<void>((resolve, reject) => {
        let listening: Promise<void> | undefined;
        const onCached = (): void => {
          listening ??= begin().catch(reject);
        };
        const begin = async (): Promise<void> => {
          await podsByNode.warm(new TimeSlice(signal));
          const upkeep = new ServerUpkeep({ handlers, storage, settings, clock, log });
          await upkeep.prepare(signal);
          started = true;
          let kept = Promise.resolve();
          const onReady = (): void => {
            kept = upkeep.run(signal).then(() => upkeep.withdraw());
            ready();
          };
          await server.run(signal, onReady);
          await kept;
        };
        Promise.all([
          watchCache.run(signal, onCached),
          runCompactor(storage, signal, { clock, onError: message => log.warn(message) }),
        ])
          .then(() => listening)
          .then(resolve, reject);
      }).finally(() => {
        kubelets.close();
        proxies.close();
        return bodies.close();
      });
    },
  };
}

function healthChecks(watchCache: WatchCache, storage: Storage, clock: Clock, started: () => boolean) {
  const etcd = sharedCheck(
    {
      name: 'etcd',
      check: async signal => {
        await storage.currentRevision(signal);
      },
    },
    clock,
  );
  const cache: NamedCheck = {
    name: 'informer-sync',
    check() {
      if (!watchCache.ready) throw new Error('the watch cache has not read everything yet');
    },
  };
  const postStart: NamedCheck = {
    name: 'poststarthook/rbac/bootstrap-roles',
    check() {
      if (!started()) throw new Error('not finished');
    },
  };
  return { live: [pingCheck, etcd, postStart], ready: [pingCheck, etcd, cache, postStart] };
}

/** Reads what the node authorizer compares. */
function nodeListers(lister: <T>(id: string) => Lister<T>, podsByNode: PodsByNode): NodeListers {
  return {
    podsOnNode: nodeName => podsByNode.on(nodeName),
    pods: lister('/v1/pods'),
    persistentVolumeClaims: lister('/v1/persistentvolumeclaims'),
    persistentVolumes: lister('/v1/persistentvolumes'),
    volumeAttachments: lister('storage.k8s.io/v1/volumeattachments'),
    resourceSlices: lister('resource.k8s.io/v1/resourceslices'),
  };
}
