import type { ReplicaSet } from '../../api/types/gen/apps-v1.ts';
import type { ReplicationController } from '../../api/types/gen/core-v1.ts';
import type { ControllerRow } from '../controller.ts';
import { REPLICA_SETS, REPLICATION_CONTROLLERS } from '../resources.ts';
import { replicaController } from './replicas.ts';

export const replicaSetController: ControllerRow = replicaController<ReplicaSet>({
  name: 'replicaset-controller',
  id: REPLICA_SETS,
  owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  specOf: ({ spec }) => ({
    replicas: spec.replicas ?? 1,
    minReadySeconds: spec.minReadySeconds ?? 0,
    template: spec.template,
  }),
  selectorOf: ({ spec }) => spec.selector,
  statusOf: ({ status }) => status,
  withStatus: (object, status) => ({ ...object, status }) as ReplicaSet,
  tellsTerminating: true,
});

export const replicationControllerController: ControllerRow = replicaController<ReplicationController>({
  name: 'replicationcontroller-controller',
  id: REPLICATION_CONTROLLERS,
  owner: { apiVersion: 'v1', kind: 'ReplicationController' },
  specOf: ({ spec }) => ({
    replicas: spec.replicas ?? 1,
    minReadySeconds: spec.minReadySeconds ?? 0,
    template: spec.template ?? { metadata: {}, spec: { containers: [] } },
  }),
  selectorOf: ({ spec }) => ({ matchLabels: spec.selector }),
  statusOf: ({ status }) => status,
  withStatus: (object, status) => ({ ...object, status }) as ReplicationController,
  tellsTerminating: false,
});
