import { builtinTable } from './builtin.ts';
import type { PackageRows } from './rows.ts';

/**
 * The packages of rows that are read when asked for: a kubelet needs none of them, an API server needs all. Each is a
 * chunk of its own in the built command. Those of builtin.ts are always there.
 */
const LOADERS = {
  'admission/v1': async () => (await import('./gen/admission-v1.ts')).admissionV1,
  'admissionregistration/v1': async () => (await import('./gen/admissionregistration-v1.ts')).admissionregistrationV1,
  'apidiscovery/v2': async () => (await import('./gen/apidiscovery-v2.ts')).apidiscoveryV2,
  'apiextensions/v1': async () => (await import('./gen/apiextensions-v1.ts')).apiextensionsV1,
  'apiregistration/v1': async () => (await import('./gen/apiregistration-v1.ts')).apiregistrationV1,
  'apps/v1': async () => (await import('./gen/apps-v1.ts')).appsV1,
  'authentication/v1': async () => (await import('./gen/authentication-v1.ts')).authenticationV1,
  'authorization/v1': async () => (await import('./gen/authorization-v1.ts')).authorizationV1,
  'autoscaling/v1': async () => (await import('./gen/autoscaling-v1.ts')).autoscalingV1,
  'autoscaling/v2': async () => (await import('./gen/autoscaling-v2.ts')).autoscalingV2,
  'batch/v1': async () => (await import('./gen/batch-v1.ts')).batchV1,
  'certificates/v1': async () => (await import('./gen/certificates-v1.ts')).certificatesV1,
  'coordination/v1': async () => (await import('./gen/coordination-v1.ts')).coordinationV1,
  'discovery/v1': async () => (await import('./gen/discovery-v1.ts')).discoveryV1,
  'events/v1': async () => (await import('./gen/events-v1.ts')).eventsV1,
  'flowcontrol/v1': async () => (await import('./gen/flowcontrol-v1.ts')).flowcontrolV1,
  'metrics/v1beta1': async () => (await import('./gen/metrics-v1beta1.ts')).metricsV1beta1,
  'networking/v1': async () => (await import('./gen/networking-v1.ts')).networkingV1,
  'node/v1': async () => (await import('./gen/node-v1.ts')).nodeV1,
  'policy/v1': async () => (await import('./gen/policy-v1.ts')).policyV1,
  'rbac/v1': async () => (await import('./gen/rbac-v1.ts')).rbacV1,
  'resource/v1': async () => (await import('./gen/resource-v1.ts')).resourceV1,
  'scheduling/v1': async () => (await import('./gen/scheduling-v1.ts')).schedulingV1,
  'storage/v1': async () => (await import('./gen/storage-v1.ts')).storageV1,
} satisfies Record<string, () => Promise<PackageRows>>;

export type PackageId = keyof typeof LOADERS;

/** The ids of the packages that can be loaded, in the order of their names. */
export function loadablePackages(): PackageId[] {
  return Object.keys(LOADERS) as PackageId[];
}

/** Puts packages into the built-in table. Idempotent; a package that is there costs nothing. */
export async function loadPackages(ids: readonly PackageId[] = loadablePackages()): Promise<void> {
  const missing = ids.filter(id => !builtinTable.has(id));
  for (const rows of await Promise.all(missing.map(id => LOADERS[id]()))) builtinTable.add(rows);
}
