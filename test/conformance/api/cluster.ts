import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import type { CertificateSigningRequest } from '../../../src/api/types/gen/certificates-v1.ts';
import type { Lease } from '../../../src/api/types/gen/coordination-v1.ts';
import type * as core from '../../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../../src/api/types/gen/discovery-v1.ts';
import type { Event as EventV1 } from '../../../src/api/types/gen/events-v1.ts';
import type { Ingress, IngressClass, IPAddress, ServiceCIDR } from '../../../src/api/types/gen/networking-v1.ts';
import type { RuntimeClass } from '../../../src/api/types/gen/node-v1.ts';
import type { PodDisruptionBudget } from '../../../src/api/types/gen/policy-v1.ts';
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from '../../../src/api/types/gen/resource-v1.ts';
import type { PriorityClass } from '../../../src/api/types/gen/scheduling-v1.ts';
import type * as storage from '../../../src/api/types/gen/storage-v1.ts';
import type { ApiClient } from '../../harness/api-client.ts';
import { TestApiServer } from '../../harness/api-server.ts';
import { TestControllerManager } from '../../harness/controller-manager.ts';
import { ResourceClient } from '../../harness/resource-client.ts';

/** The kinds of this suite with their types. */
interface Kinds {
  CertificateSigningRequest: CertificateSigningRequest;
  ConfigMap: core.ConfigMap;
  CSIDriver: storage.CSIDriver;
  CSINode: storage.CSINode;
  CSIStorageCapacity: storage.CSIStorageCapacity;
  DeviceClass: DeviceClass;
  Endpoints: core.Endpoints;
  EndpointSlice: EndpointSlice;
  Event: core.Event;
  EventV1: EventV1;
  Ingress: Ingress;
  IngressClass: IngressClass;
  IPAddress: IPAddress;
  Lease: Lease;
  LimitRange: core.LimitRange;
  Namespace: core.Namespace;
  Node: core.Node;
  PersistentVolume: core.PersistentVolume;
  PersistentVolumeClaim: core.PersistentVolumeClaim;
  PodDisruptionBudget: PodDisruptionBudget;
  PodTemplate: core.PodTemplate;
  PriorityClass: PriorityClass;
  ResourceClaim: ResourceClaim;
  ResourceClaimTemplate: ResourceClaimTemplate;
  ResourceQuota: core.ResourceQuota;
  ResourceSlice: ResourceSlice;
  RuntimeClass: RuntimeClass;
  Secret: core.Secret;
  Service: core.Service;
  ServiceAccount: core.ServiceAccount;
  ServiceCIDR: ServiceCIDR;
  StorageClass: storage.StorageClass;
  VolumeAttachment: storage.VolumeAttachment;
  VolumeAttributesClass: storage.VolumeAttributesClass;
}

/** Where each is served. The kind is the name here, but for the second version of Event. */
const RESOURCES: { readonly [kind in keyof Kinds]: { readonly apiVersion: string; readonly plural: string } } = {
  CertificateSigningRequest: { apiVersion: 'certificates.k8s.io/v1', plural: 'certificatesigningrequests' },
  ConfigMap: { apiVersion: 'v1', plural: 'configmaps' },
  CSIDriver: { apiVersion: 'storage.k8s.io/v1', plural: 'csidrivers' },
  CSINode: { apiVersion: 'storage.k8s.io/v1', plural: 'csinodes' },
  CSIStorageCapacity: { apiVersion: 'storage.k8s.io/v1', plural: 'csistoragecapacities' },
  DeviceClass: { apiVersion: 'resource.k8s.io/v1', plural: 'deviceclasses' },
  Endpoints: { apiVersion: 'v1', plural: 'endpoints' },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', plural: 'endpointslices' },
  Event: { apiVersion: 'v1', plural: 'events' },
  EventV1: { apiVersion: 'events.k8s.io/v1', plural: 'events' },
  Ingress: { apiVersion: 'networking.k8s.io/v1', plural: 'ingresses' },
  IngressClass: { apiVersion: 'networking.k8s.io/v1', plural: 'ingressclasses' },
  IPAddress: { apiVersion: 'networking.k8s.io/v1', plural: 'ipaddresses' },
  Lease: { apiVersion: 'coordination.k8s.io/v1', plural: 'leases' },
  LimitRange: { apiVersion: 'v1', plural: 'limitranges' },
  Namespace: { apiVersion: 'v1', plural: 'namespaces' },
  Node: { apiVersion: 'v1', plural: 'nodes' },
  PersistentVolume: { apiVersion: 'v1', plural: 'persistentvolumes' },
  PersistentVolumeClaim: { apiVersion: 'v1', plural: 'persistentvolumeclaims' },
  PodDisruptionBudget: { apiVersion: 'policy/v1', plural: 'poddisruptionbudgets' },
  PodTemplate: { apiVersion: 'v1', plural: 'podtemplates' },
  PriorityClass: { apiVersion: 'scheduling.k8s.io/v1', plural: 'priorityclasses' },
  ResourceClaim: { apiVersion: 'resource.k8s.io/v1', plural: 'resourceclaims' },
  ResourceClaimTemplate: { apiVersion: 'resource.k8s.io/v1', plural: 'resourceclaimtemplates' },
  ResourceQuota: { apiVersion: 'v1', plural: 'resourcequotas' },
  ResourceSlice: { apiVersion: 'resource.k8s.io/v1', plural: 'resourceslices' },
  RuntimeClass: { apiVersion: 'node.k8s.io/v1', plural: 'runtimeclasses' },
  Secret: { apiVersion: 'v1', plural: 'secrets' },
  Service: { apiVersion: 'v1', plural: 'services' },
  ServiceAccount: { apiVersion: 'v1', plural: 'serviceaccounts' },
  ServiceCIDR: { apiVersion: 'networking.k8s.io/v1', plural: 'servicecidrs' },
  StorageClass: { apiVersion: 'storage.k8s.io/v1', plural: 'storageclasses' },
  VolumeAttachment: { apiVersion: 'storage.k8s.io/v1', plural: 'volumeattachments' },
  VolumeAttributesClass: { apiVersion: 'storage.k8s.io/v1', plural: 'volumeattributesclasses' },
};

/** An API server over an etcd of its own, and its administrator. */
export class Cluster {
  readonly server: TestApiServer;
  readonly admin: ApiClient;

  constructor(server: TestApiServer) {
    this.server = server;
    this.admin = server.clientFor('admin', ['system:masters']);
  }

  /** The objects of a kind: of one namespace, or of the whole cluster. */
  of<K extends keyof Kinds>(kind: K, namespace?: string): ResourceClient<Kinds[K]> {
    const { apiVersion, plural } = RESOURCES[kind];
    const id = { apiVersion, plural, kind: kind.replace('EventV1', 'Event') };
    return new ResourceClient<Kinds[K]>(this.admin, namespace === undefined ? id : { ...id, namespace });
  }

  /** A new namespace, with a name that no other test has. */
  async namespace(): Promise<string> {
    const name = uniqueName('conformance');
    await this.of('Namespace').create({ metadata: { name } });
    return name;
  }
}

/** A name that no other object has: tests share cluster-wide kinds. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`;
}

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;

/** A group of conformance tests with an API server for all of them, and the controllers that they name; skipped, and says so, where there is no etcd. */
export function describeApi(
  title: string,
  tests: (cluster: () => Cluster) => void,
  args: readonly string[] = [],
  controllers: readonly string[] = [],
): void {
  const reason = hasEtcd ? '' : ' (skipped: there is no etcd on this machine)';
  describe.skipIf(!hasEtcd)(`${title}${reason}`, () => {
    let cluster: Cluster | undefined;
    let manager: TestControllerManager | undefined;
    beforeAll(async () => {
      const server = await TestApiServer.start({ args });
      cluster = new Cluster(server);
      const flags = ['--leader-elect=false', `--controllers=${controllers.join(',')}`];
      if (controllers.length > 0)
        manager = await TestControllerManager.start(server.kubeconfigFor('controllers', ['system:masters']), flags);
    });
    afterAll(async () => {
      cluster?.admin.close();
      await manager?.stop();
      await cluster?.server.remove();
    });
    tests(() => {
      if (cluster === undefined) throw new Error('the API server did not start');
      return cluster;
    });
  });
}
