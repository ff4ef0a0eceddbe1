import type { ConfigMap, Secret, Service, ServiceAccountTokenProjection } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition, notFound } from '../../base/errors.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';

/** What pods take from objects of the API. */
export interface PodObjects {
  /** From now on the objects that the pod refers to are watched, and their changes told. Idempotent; the pod may have changed. Nothing is watched for one that has finished. */
  watch(pod: DesiredPod): void;
  /** The pod is gone: nothing is kept for it. Idempotent. */
  forget(podUid: string): void;
  /** Throws `not-found` where it does not exist, `failed-precondition` where that cannot be said yet. */
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  secret(namespace: string, name: string): Promise<Secret>;
  /** A token of the pod's service account that is bound to the pod. */
  token(pod: DesiredPod, projection: ServiceAccountTokenProjection, signal: AbortSignal): Promise<string>;
  /** All services of the cluster. Throws `failed-precondition` before they were read once; a pod from a file does not wait for that. */
  services(pod: DesiredPod): readonly Service[];
  /** The handler of the pod's runtime class, which it names. Throws `not-found` where there is no such class, `failed-precondition` where that cannot be said yet. */
  runtimeHandler(pod: DesiredPod, runtimeClass: string): string;
}

/** What this pod may take. One from a file takes no objects, as with upstream, which refuses such pods; but it sees services and runtime classes. */
export function objectsFor(pod: DesiredPod, objects: PodObjects): PodObjects {
  return pod.source === 'file'
    ? {
        ...NO_OBJECTS,
        services: () => objects.services(pod),
        runtimeHandler: (_, runtimeClass) => objects.runtimeHandler(pod, runtimeClass),
      }
    : objects;
}

/**
 * For pods from files and for a kubelet without an API server: there are no objects. Upstream refuses pods from files that refer to any; here what is
 * optional is left out, and what is not says why.
 */
export const NO_OBJECTS: PodObjects = {
  watch: () => {},
  forget: () => {},
  configMap: async (_, name) => {
    throw notFound(`ConfigMap "${name}" cannot be read by a pod from a file: that needs an API server`);
  },
  secret: async (_, name) => {
    throw notFound(`Secret "${name}" cannot be read by a pod from a file: that needs an API server`);
  },
  token: async () => {
    throw failedPrecondition('a pod from a file gets no token of a service account: that needs an API server');
  },
  services: () => [],
  runtimeHandler: (_, runtimeClass) => {
    throw failedPrecondition(`runtimeClassName "${runtimeClass}" cannot be looked up: that needs an API server`);
  },
};
