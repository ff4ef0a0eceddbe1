import type { Deployment, ReplicaSet, StatefulSet } from '../../api/types/gen/apps-v1.ts';
import type { Pod, ReplicationController } from '../../api/types/gen/core-v1.ts';
import type { OwnerReference } from '../../api/types/gen/meta-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { ApiConnection } from '../../client/connection.ts';
import type { Informed } from '../../client/informers.ts';
import { scaleOf } from '../../client/scale.ts';
import type { ControllerParts } from '../controller.ts';
import { controllerOf } from '../pods/pod-from-template.ts';
import { DEPLOYMENTS, REPLICA_SETS, REPLICATION_CONTROLLERS, STATEFUL_SETS } from '../resources.ts';

interface Scaled {
  readonly uid: string;
  readonly replicas: number;
}

export interface ExpectedScale {
  readonly replicas: number;
  /** Pods of nobody, which do not count. */
  readonly unmanaged: readonly Pod[];
}

/** How many pods the controllers of some pods want together: of replica sets their deployments, of kinds that are not known here by their subresource `scale`. */
export class ScaleFinder {
  readonly #connection: ApiConnection;
  readonly #replicaSets: Informed<ReplicaSet>;
  readonly #deployments: Informed<Deployment>;
  readonly #controllers: Informed<ReplicationController>;
  readonly #statefulSets: Informed<StatefulSet>;

  constructor(parts: ControllerParts) {
    this.#connection = parts.connection;
    this.#replicaSets = parts.informed<ReplicaSet>(REPLICA_SETS);
    this.#deployments = parts.informed<Deployment>(DEPLOYMENTS);
    this.#controllers = parts.informed<ReplicationController>(REPLICATION_CONTROLLERS);
    this.#statefulSets = parts.informed<StatefulSet>(STATEFUL_SETS);
  }

  /** Throws where a pod has a controller of which that cannot be found out. */
  async of(pods: readonly Pod[], signal: AbortSignal): Promise<ExpectedScale> {
    const found = new Map<string, number>();
    const asked = new Set<string>();
    const unmanaged: Pod[] = [];
    for (const pod of pods) {
      const owner = controllerOf(pod);
      if (owner === undefined) unmanaged.push(pod);
      if (owner === undefined || asked.has(owner.uid)) continue;
      asked.add(owner.uid);
      const scale = await this.#scaleOf(owner, pod.metadata.namespace ?? '', signal);
      if (scale === undefined)
        throw failedPrecondition(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`);
      found.set(scale.uid, scale.replicas);
    }
    return { replicas: [...found.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
  }

  async #scaleOf(owner: OwnerReference, namespace: string, signal: AbortSignal): Promise<Scaled | undefined> {
    const group = owner.apiVersion.includes('/') ? owner.apiVersion.split('/')[0] : '';
    const known = `${owner.kind}.${group}`;
    if (known === 'ReplicationController.') return scaleIn(this.#controllers, owner, namespace);
    if (known === 'StatefulSet.apps') return scaleIn(this.#statefulSets, owner, namespace);
    if (known === 'ReplicaSet.apps') {
      const set = sameIn(this.#replicaSets, owner, namespace);
      const above = set === undefined ? undefined : controllerOf(set);
      return above?.kind === 'Deployment'
        ? scaleIn(this.#deployments, above, namespace)
        : scaleIn(this.#replicaSets, owner, namespace);
    }
    const replicas = await scaleOf(this.#connection, owner, namespace, signal);
    return replicas === undefined ? undefined : { uid: owner.uid, replicas };
  }
}

type Owner = Pick<OwnerReference, 'name' | 'uid'>;

/** Only where it is the very one, not of another life. */
function sameIn<T extends ApiObject>({ store }: Informed<T>, { name, uid }: Owner, namespace: string): T | undefined {
  const found = store.get(namespace, name);
  return found?.metadata.uid === uid ? found : undefined;
}

function scaleIn<T extends ApiObject & { readonly spec: { readonly replicas?: number | undefined } }>(
  informed: Informed<T>,
  owner: Owner,
  namespace: string,
): Scaled | undefined {
  const found = sameIn(informed, owner, namespace);
  return found === undefined ? undefined : { uid: owner.uid, replicas: found.spec.replicas ?? 1 };
}
