import { resourceType } from '../schema/resources/registry.ts';
import type { ApiResource } from '../schema/resources/resource.ts';
import { accessAndInfrastructureDefaults } from './access-and-infrastructure.ts';
import { applyDefaults, type TypeDefaults } from './apply.ts';
import { autoscalingDefaults } from './autoscaling.ts';
import { coreV1Defaults } from './core-v1.ts';
import { coreV1ObjectDefaults } from './core-v1-objects.ts';
import { workloadDefaults } from './workloads.ts';

/** The defaults of every built-in type that has some: what an API server applies to what it decodes. */
export const builtinDefaults: TypeDefaults = new Map([
  ...coreV1Defaults,
  ...coreV1ObjectDefaults,
  ...workloadDefaults,
  ...autoscalingDefaults,
  ...accessAndInfrastructureDefaults,
]);

/** An object of a resource with its defaults. What is set stays; the object given is not changed. Idempotent. */
export function withResourceDefaults<T extends object>(resource: ApiResource, object: T): T {
  return applyDefaults(resourceType(resource), object, builtinDefaults);
}
