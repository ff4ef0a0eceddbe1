import { builtinTable } from '../builtin.ts';
import type { StructType } from '../table.ts';
import { ACCESS_RESOURCES } from './access.ts';
import { CORE_RESOURCES } from './core.ts';
import { EXTENSION_RESOURCES } from './extension.ts';
import { INFRASTRUCTURE_RESOURCES } from './infrastructure.ts';
import type { ApiResource } from './resource.ts';
import { USAGE_RESOURCES } from './usage.ts';
import { WORKLOAD_RESOURCES } from './workloads.ts';

const RESOURCES: readonly ApiResource[] = [
  ...CORE_RESOURCES,
  ...WORKLOAD_RESOURCES,
  ...ACCESS_RESOURCES,
  ...INFRASTRUCTURE_RESOURCES,
  ...EXTENSION_RESOURCES,
  ...USAGE_RESOURCES,
];

const BY_PLURAL = new Map(RESOURCES.map(r => [`${r.group}/${r.version}/${r.plural}`, r]));
const BY_KIND = new Map(RESOURCES.map(r => [`${r.group}/${r.version}/${r.kind}`, r]));

/** Every resource of the built-in groups, served or not. A group's preferred version stands before its others. */
export function allResources(): readonly ApiResource[] {
  return RESOURCES;
}

/** By the name in a path: `deployments` of apps/v1. */
export function findResource(group: string, version: string, plural: string): ApiResource | undefined {
  return BY_PLURAL.get(`${group}/${version}/${plural}`);
}

/** By kind: `Deployment` of apps/v1. List kinds and bodies of subresources are none. */
export function findResourceOfKind(group: string, version: string, kind: string): ApiResource | undefined {
  return BY_KIND.get(`${group}/${version}/${kind}`);
}

/** The shape of its objects. Its package must be loaded. */
export function resourceType(resource: ApiResource): StructType {
  return builtinTable.struct(`${resource.package}.${resource.kind}`);
}
