import type { ApiResource } from '../../api/schema/resources/resource.ts';
import { sha256Hex } from '../../base/hash.ts';

/** A version of a group with the resources that it serves. */
export interface ServedVersion {
  readonly version: string;
  readonly resources: readonly ApiResource[];
}

export interface ServedGroup {
  /** Empty for the core group. */
  readonly group: string;
  /** The preferred one first. */
  readonly versions: readonly ServedVersion[];
}

/** The groups in which the resources stand, in the order of their first resource. Pure. */
export function servedGroups(resources: readonly ApiResource[]): readonly ServedGroup[] {
  const groups = new Map<string, Map<string, ApiResource[]>>();
  for (const resource of resources) {
    const versions = groups.get(resource.group) ?? new Map<string, ApiResource[]>();
    groups.set(resource.group, versions);
    const list = versions.get(resource.version) ?? [];
    versions.set(resource.version, list);
    list.push(resource);
  }
  return [...groups].map(([group, versions]) => ({
    group,
    versions: [...versions].map(([version, list]) => ({
      version,
      resources: list.toSorted((a, b) => (a.plural < b.plural ? -1 : 1)),
    })),
  }));
}

/** Tells clients whether two servers store the same: upstream's form, 8 bytes of a hash. */
export function storageVersionHash(resource: ApiResource): string | undefined {
  if (resource.storage === undefined) return undefined;
  const { group, version } = resource.storage;
  return Buffer.from(sha256Hex(`${group}/${version}/${resource.kind}`), 'hex')
    .subarray(0, 8)
    .toString('base64');
}
