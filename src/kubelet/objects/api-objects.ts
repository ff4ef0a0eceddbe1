import type { TokenRequest } from '../../api/types/gen/authentication-v1.ts';
import type { ConfigMap, Secret, Service, ServiceAccount } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { failedPrecondition } from '../../base/errors.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { runInformer } from '../../client/informer.ts';
import { ObjectStore } from '../../client/object-store.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import type { Logger } from '../../daemon/logger.ts';
import { ObjectWatches } from './object-watches.ts';
import type { PodObjects } from './pod-objects.ts';
import { podReferences } from './references.ts';
import { RuntimeClasses } from './runtime-classes.ts';
import { TokenCache } from './token-cache.ts';

export interface ApiObjectsOptions {
  readonly connection: ApiConnection;
  readonly clock: Clock;
  readonly log: Logger;
  /** Something that these pods took has changed, or is there at last. Must not throw or wait. */
  readonly onChange: (podUids: readonly string[]) => void;
}

export interface ApiObjects extends PodObjects {
  /** Follows services and runtime classes until the signal aborts, then ends every watch. */
  run(signal: AbortSignal): Promise<void>;
}

/** Upstream's default for the life of a token; the API fills it in. */
const TOKEN_SECONDS = 3_600;

const core = (plural: string) => ({ group: '', version: 'v1', plural });

/** The objects of the API server, for the pods that it gives. */
export function apiObjects({ connection, clock, log, onChange }: ApiObjectsOptions): ApiObjects {
  const random = Math.random;
  // one object that cannot be read says so in the pod's events; a line for each try would drown the log when the server is away
  const onTrouble = (because: string): void => log.debug({ because }, 'an object that pods refer to could not be read');
  const shared = { clock, random, onChange, onTrouble };
  const configMaps = new ObjectWatches<ConfigMap>({
    ...shared,
    client: new ResourceClient(connection, core('configmaps')),
    singular: 'configmap',
  });
  const secrets = new ObjectWatches<Secret>({
    ...shared,
    client: new ResourceClient(connection, core('secrets')),
    singular: 'secret',
  });
  const accounts = new ResourceClient<ServiceAccount>(connection, core('serviceaccounts'));
  const tokens = new TokenCache({
    request: (namespace, name, spec, signal) =>
      accounts.createSubresource<TokenRequest>(
        namespace,
        name,
        'token',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
        signal,
      ),
    clock,
    random,
    onRefreshDue: uid => onChange([uid]),
    onTrouble: because => log.warn({ because }, 'a token was not refreshed; the old one is still good'),
  });
  const classes = new RuntimeClasses({
    ...shared,
    connection,
    onTrouble: because => log.warn({ because }, 'runtime classes could not be read'),
  });
  const services = new ObjectStore<Service>();
  const waiting = new Set<string>();
  let servicesSynced = false;
  const forget = (uid: string): void => {
    waiting.delete(uid);
    classes.forget(uid);
    configMaps.setReferences(uid, '', new Set());
    secrets.setReferences(uid, '', new Set());
    tokens.forget(uid);
  };
  return {
    watch({ uid, namespace, pod, source, finished }) {
      if (source === 'file') return;
      if (finished === true) return forget(uid);
      const { configMaps: maps, secrets: names } = podReferences(pod.spec);
      configMaps.setReferences(uid, namespace, maps);
      secrets.setReferences(uid, namespace, names);
    },
    forget,
    configMap: (namespace, name) => configMaps.get(namespace, name),
    secret: (namespace, name) => secrets.get(namespace, name),
    token: (pod, { audience = '', expirationSeconds }, signal) =>
      tokens.get(
        pod.namespace,
        pod.pod.spec.serviceAccountName ?? '',
        {
          audiences: audience === '' ? [] : [audience],
          expirationSeconds: expirationSeconds ?? TOKEN_SECONDS,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
        },
        signal,
      ),
    services({ uid, source }) {
      if (!servicesSynced && source !== 'file') {
        waiting.add(uid);
        throw failedPrecondition('services have not yet been read at least once, cannot construct envvars');
      }
      return services.list();
    },
    runtimeHandler: ({ uid }, runtimeClass) => classes.handlerOf(runtimeClass, uid),
    async run(signal) {
      const following = classes.run(signal);
      await runInformer(
        {
          client: new ResourceClient<Service>(connection, core('services')),
          store: services,
          keep: ({ apiVersion, kind, metadata, spec, status }) => ({
            apiVersion,
            kind,
            metadata: {
              name: metadata.name,
              namespace: metadata.namespace,
              uid: metadata.uid,
              resourceVersion: metadata.resourceVersion,
            },
            spec,
            status,
          }),
          // variables are made when a container starts: a change is no news for those that run
          onChange: () => {},
          clock,
          random,
          onTrouble: because => log.warn({ because }, 'services could not be read'),
        },
        signal,
        () => {
          servicesSynced = true;
          const uids = [...waiting];
          waiting.clear();
          if (uids.length > 0) onChange(uids);
        },
      );
      await following;
      tokens.close();
      await Promise.all([configMaps.close(), secrets.close()]);
    },
  };
}
