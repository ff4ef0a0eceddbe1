import type { Container, EnvVar } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import type { NodeCapacity } from '../resources/node-capacity.ts';
import { expand } from './expand.ts';
import { fieldValue, type PodFacts } from './field-ref.ts';
import { resourceValue } from './resource-ref.ts';

export interface EnvInput {
  readonly pod: DesiredPod;
  readonly container: Container;
  readonly facts: PodFacts;
  readonly allocatable: NodeCapacity;
}

/**
 * The variables of a container in the order of its manifest; a later one of the same name replaces an earlier one, and a value may refer to
 * variables before it. Pods from files may not read objects of the API: a reference to one that is not optional is a CreateContainerConfigError.
 */
export function containerEnv(input: EnvInput): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  for (const { configMapRef, secretRef } of input.container.envFrom ?? []) {
    if (configMapRef !== undefined && configMapRef.optional !== true)
      throw apiReference(`envFrom refers to ConfigMap "${configMapRef.name}"`);
    if (secretRef !== undefined && secretRef.optional !== true)
      throw apiReference(`envFrom refers to Secret "${secretRef.name}"`);
  }
  for (const variable of input.container.env ?? []) {
    const value = envValue(input, variable, env);
    if (value === undefined) continue;
    env.delete(variable.name);
    env.set(variable.name, value);
  }
  return env;
}

/** Undefined for an optional reference that leads nowhere. */
function envValue(input: EnvInput, variable: EnvVar, env: ReadonlyMap<string, string>): string | undefined {
  const from = variable.valueFrom;
  if (from === undefined) return expand(variable.value ?? '', name => env.get(name));
  if (from.fieldRef !== undefined) return fieldValue(input.pod, input.facts, from.fieldRef.fieldPath);
  if (from.resourceFieldRef !== undefined)
    return resourceValue(input.pod.pod, input.container, from.resourceFieldRef, input.allocatable);
  if (from.configMapKeyRef !== undefined) {
    if (from.configMapKeyRef.optional === true) return undefined;
    throw apiReference(`env ${variable.name} refers to ConfigMap "${from.configMapKeyRef.name}"`);
  }
  if (from.secretKeyRef !== undefined) {
    if (from.secretKeyRef.optional === true) return undefined;
    throw apiReference(`env ${variable.name} refers to Secret "${from.secretKeyRef.name}"`);
  }
  throw failedPrecondition(`env ${variable.name}: this source of a value is not supported`, {
    reason: 'CreateContainerConfigError',
  });
}

function apiReference(what: string): Error {
  return failedPrecondition(`${what}, which a pod from a file cannot read: it needs an API server`, {
    reason: 'CreateContainerConfigError',
  });
}
