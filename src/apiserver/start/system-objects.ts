import type { ApiObject } from '../resources/strategy.ts';
import type { ServerObjects } from './server-objects.ts';

const NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'default'];
const PRIORITY_CLASSES = [
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

/** The namespaces that every cluster has. Idempotent; what is there is left alone. */
export async function ensureSystemNamespaces(objects: ServerObjects): Promise<void> {
  for (const name of NAMESPACES) await objects.ensure('/v1/namespaces', { metadata: { name } });
}

/** The priority classes that every cluster has. Idempotent; what is there is left alone. */
export async function ensureSystemPriorityClasses(objects: ServerObjects): Promise<void> {
  for (const { name, ...fields } of PRIORITY_CLASSES) {
    const row = { metadata: { name }, ...fields } as ApiObject;
    await objects.ensure('scheduling.k8s.io/v1/priorityclasses', row);
  }
}
