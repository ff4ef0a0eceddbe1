import type { Container, EnvFromSource, EnvVar, EnvVarSource, FileKeySelector } from '../../api/types/gen/core-v1.ts';
import { errorMessage, failedPrecondition, isNotFound } from '../../base/errors.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import type { PodObjects } from '../objects/pod-objects.ts';
import { envFileValue } from './env-file.ts';
import { expand } from './expand.ts';
import { fieldValue, type PodFacts } from './field-ref.ts';
import { type Allocatable, resourceValue } from './resource-ref.ts';
import { serviceEnv } from './service-env.ts';

export interface EnvInput {
  readonly pod: DesiredPod;
  readonly container: Container;
  readonly facts: PodFacts;
  readonly allocatable: Allocatable;
  readonly objects: PodObjects;
  /** The text of a file in a volume of the pod. Throws where it cannot be read. */
  readonly readVolumeFile: (volume: string, path: string) => string;
}

/**
 * The variables of a container: what envFrom gives, then env in the order of the manifest, then those of services that neither names. A later one
 * of the same name replaces an earlier one, and a value may refer to variables before it and to those of services. Throws a
 * CreateContainerConfigError with upstream's text for what is missing and not optional.
 */
export async function containerEnv(input: EnvInput): Promise<ReadonlyMap<string, string>> {
  try {
    return await collect(input);
  } catch (error) {
    throw failedPrecondition(errorMessage(error), { reason: 'CreateContainerConfigError', cause: error });
  }
}

async function collect(input: EnvInput): Promise<ReadonlyMap<string, string>> {
  const { pod, container, objects } = input;
  const ofServices = serviceEnv(objects.services(pod), pod.namespace, pod.pod.spec.enableServiceLinks !== false);
  const env = new Map<string, string>();
  const set = (name: string, value: string): void => {
    env.delete(name);
    env.set(name, value);
  };
  for (const source of container.envFrom ?? [])
    for (const [key, value] of await allKeys(input, source)) set(`${source.prefix ?? ''}${key}`, value);
  const lookup = (name: string): string | undefined => env.get(name) ?? ofServices.get(name);
  for (const variable of container.env ?? []) {
    const value = await envValue(input, variable, lookup);
    if (value !== undefined) set(variable.name, value);
  }
  for (const [name, value] of ofServices) if (!env.has(name)) env.set(name, value);
  return env;
}

/** The keys of a config map or a secret in the order of their names. */
async function allKeys(
  { pod, objects }: EnvInput,
  { configMapRef, secretRef }: EnvFromSource,
): Promise<readonly (readonly [string, string])[]> {
  if (configMapRef !== undefined) {
    const found = await orAbsent(objects.configMap(pod.namespace, configMapRef.name ?? ''), configMapRef.optional);
    return sorted(found?.data ?? {});
  }
  if (secretRef === undefined) return [];
  const found = await orAbsent(objects.secret(pod.namespace, secretRef.name ?? ''), secretRef.optional);
  return sorted(found?.data ?? {}).map(([key, base64]) => [key, textOf(base64)] as const);
}

/** Undefined for an optional reference that leads nowhere. */
async function envValue(
  input: EnvInput,
  { value = '', valueFrom }: EnvVar,
  lookup: (name: string) => string | undefined,
): Promise<string | undefined> {
  if (value !== '' || valueFrom === undefined) return expand(value, lookup);
  const { fieldRef, resourceFieldRef, fileKeyRef } = valueFrom;
  if (fieldRef !== undefined) return fieldValue(input.pod, input.facts, fieldRef.fieldPath);
  if (resourceFieldRef !== undefined)
    return resourceValue(input.pod.pod, input.container, resourceFieldRef, input.allocatable);
  if (fileKeyRef !== undefined) return fileKeyValue(input, fileKeyRef);
  return objectKeyValue(input, valueFrom);
}

async function objectKeyValue(
  { pod: { namespace }, objects }: EnvInput,
  { configMapKeyRef, secretKeyRef }: EnvVarSource,
): Promise<string | undefined> {
  if (configMapKeyRef !== undefined) {
    const { name = '', key, optional } = configMapKeyRef;
    const found = await orAbsent(objects.configMap(namespace, name), optional);
    const value = found?.data?.[key];
    if (value !== undefined || optional === true) return value;
    throw failedPrecondition(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
  }
  if (secretKeyRef === undefined) return '';
  const { name = '', key, optional } = secretKeyRef;
  const found = await orAbsent(objects.secret(namespace, name), optional);
  const value = found?.data?.[key];
  if (value !== undefined) return textOf(value);
  if (optional === true) return undefined;
  throw failedPrecondition(`couldn't find key ${key} in Secret ${namespace}/${name}`);
}

function fileKeyValue(
  { readVolumeFile }: EnvInput,
  { volumeName, path, key, optional }: FileKeySelector,
): string | undefined {
  let value: string;
  try {
    value = envFileValue(readVolumeFile(volumeName, path), key);
  } catch (error) {
    throw failedPrecondition(`couldn't parse env file: ${errorMessage(error)}`, { cause: error });
  }
  if (value !== '') return value;
  if (optional === true) return undefined;
  throw failedPrecondition(`environment variable key "${key}" not found in file "${path}" of volume "${volumeName}"`);
}

async function orAbsent<T>(object: Promise<T>, optional: boolean | undefined): Promise<T | undefined> {
  try {
    return await object;
  } catch (error) {
    if (optional === true && isNotFound(error)) return undefined;
    throw error;
  }
}

function sorted(data: { readonly [key: string]: string }): readonly (readonly [string, string])[] {
  return Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
}

function textOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
