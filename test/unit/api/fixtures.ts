import { builtinTable } from '../../../src/api/schema/builtin.ts';
import { loadPackages } from '../../../src/api/schema/packages.ts';
import { allResources } from '../../../src/api/schema/resources/registry.ts';
import type { StructType } from '../../../src/api/schema/table.ts';

/** Upstream's round-trip fixtures hold one object per kind of k8s.io/api; those two groups are not of that module. */
const OUTSIDE = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io']);

const OF_RESOURCES = allResources()
  .filter(r => !OUTSIDE.has(r.group))
  .map(r => [`${r.group === '' ? 'core' : r.group}.${r.version}.${r.kind}`, r.package] as const);

const META = ['CreateOptions', 'DeleteOptions', 'GetOptions', 'ListOptions', 'PatchOptions', 'UpdateOptions', 'Status'];
const CORE = [
  'NodeProxyOptions',
  'PodAttachOptions',
  'PodExecOptions',
  'PodLogOptions',
  'PodPortForwardOptions',
  'PodProxyOptions',
  'RangeAllocation',
  'SerializedReference',
  'ServiceProxyOptions',
];

/** Names of the fixtures (without the ending) that our table has types for, with the package of the type. */
export const FIXTURE_KINDS: readonly (readonly [string, string])[] = [
  ...OF_RESOURCES,
  ['admission.k8s.io.v1.AdmissionReview', 'admission/v1'],
  ['autoscaling.v1.Scale', 'autoscaling/v1'],
  ['policy.v1.Eviction', 'policy/v1'],
  ['authentication.k8s.io.v1.TokenRequest', 'authentication/v1'],
  ['apidiscovery.k8s.io.v2.APIGroupDiscovery', 'apidiscovery/v2'],
  ...[...META, 'APIGroup', 'APIVersions', 'WatchEvent'].map(kind => [`core.v1.${kind}`, 'meta/v1'] as const),
  ...CORE.map(kind => [`core.v1.${kind}`, 'core/v1'] as const),
];

/** The type of a fixture, its package loaded. */
export async function fixtureType(name: string, packageId: string): Promise<StructType> {
  await loadPackages();
  return builtinTable.struct(`${packageId}.${name.slice(name.lastIndexOf('.') + 1)}`);
}
