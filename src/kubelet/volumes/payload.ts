import { aggregateMessage } from '../../api/go-quote.ts';
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  VolumeProjection,
} from '../../api/types/gen/core-v1.ts';
import { errorMessage, failedPrecondition, isNotFound } from '../../base/errors.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { metadataValue } from '../env/field-ref.ts';
import { type Allocatable, resourceValue } from '../env/resource-ref.ts';
import type { PodObjects } from '../objects/pod-objects.ts';
import type { FilesStep } from './plan.ts';

export interface FileContent {
  readonly data: Buffer;
  readonly mode: number;
  /** Who owns the file where it is not root. */
  readonly user?: number | undefined;
}

/** The files of a volume by their paths in it. */
export type Payload = ReadonlyMap<string, FileContent>;

export interface PayloadInput {
  readonly pod: DesiredPod;
  readonly step: FilesStep;
  readonly objects: PodObjects;
  readonly allocatable: Allocatable;
}

/** Token files of a pod whose user or group is known are for them alone (the group gets its right to read with the volume). */
const PRIVATE = 0o600;

/** What the files of a volume shall be, from all its sources; a later one wins where two name the same path. Throws what is wrong with each source. */
export async function collectPayload(input: PayloadInput, signal: AbortSignal): Promise<Payload> {
  const payload = new Map<string, FileContent>();
  const problems: string[] = [];
  for (const source of input.step.sources) {
    try {
      for (const [path, content] of await payloadOf(input, source, signal)) payload.set(path, content);
    } catch (error) {
      signal.throwIfAborted();
      problems.push(errorMessage(error));
    }
  }
  if (problems.length > 0) throw failedPrecondition(aggregateMessage(problems), { reason: 'FailedMount' });
  return payload;
}

async function payloadOf(input: PayloadInput, source: VolumeProjection, signal: AbortSignal): Promise<Payload> {
  const { pod, step, objects } = input;
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) {
    const optional = configMap.optional === true;
    const object = await orAbsent(objects.configMap(pod.namespace, configMap.name ?? ''), optional);
    return configMapPayload(object, configMap.items ?? [], step.defaultMode, optional);
  }
  if (secret !== undefined) {
    const optional = secret.optional === true;
    const object = await orAbsent(objects.secret(pod.namespace, secret.name ?? ''), optional);
    return secretPayload(object, secret.items ?? [], step.defaultMode, optional);
  }
  if (downwardAPI !== undefined)
    return downwardPayload(pod.pod, downwardAPI.items ?? [], step.defaultMode, input.allocatable);
  if (serviceAccountToken !== undefined) {
    const token = await objects.token(pod, serviceAccountToken, signal);
    const { user, group } = step;
    const mode = user === undefined && group === undefined ? step.defaultMode : PRIVATE;
    return new Map([[serviceAccountToken.path, { data: Buffer.from(token), mode, user }]]);
  }
  throw failedPrecondition(
    `${Object.keys(source)[0] ?? 'a source of no type'} is not supported in a projected volume; configMap, secret, downwardAPI and serviceAccountToken are`,
  );
}

async function orAbsent<T>(object: Promise<T>, optional: boolean): Promise<T | undefined> {
  try {
    return await object;
  } catch (error) {
    if (optional && isNotFound(error)) return undefined;
    throw error;
  }
}

/** The keys of a config map as files: those of `items`, all where there are none. Pure. */
export function configMapPayload(
  object: Pick<ConfigMap, 'data' | 'binaryData'> | undefined,
  items: readonly KeyToPath[],
  defaultMode: number,
  optional: boolean,
): Payload {
  const data = new Map<string, Buffer>();
  for (const [key, base64] of Object.entries(object?.binaryData ?? {})) data.set(key, Buffer.from(base64, 'base64'));
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(text));
  return keysAsFiles(data, items, defaultMode, optional, key => `configmap references non-existent config key: ${key}`);
}

/** The keys of a secret as files, as those of a config map. Pure. */
export function secretPayload(
  object: Pick<Secret, 'data'> | undefined,
  items: readonly KeyToPath[],
  defaultMode: number,
  optional: boolean,
): Payload {
  const data = new Map(
    Object.entries(object?.data ?? {}).map(([key, base64]) => [key, Buffer.from(base64, 'base64')] as const),
  );
  return keysAsFiles(data, items, defaultMode, optional, key => `references non-existent secret key: ${key}`);
}

function keysAsFiles(
  data: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[],
  defaultMode: number,
  optional: boolean,
  missing: (key: string) => string,
): Payload {
  if (items.length === 0) return new Map([...data].map(([key, bytes]) => [key, { data: bytes, mode: defaultMode }]));
  const payload = new Map<string, FileContent>();
  for (const { key, path, mode } of items) {
    const bytes = data.get(key);
    if (bytes !== undefined) payload.set(path, { data: bytes, mode: mode ?? defaultMode });
    else if (!optional) throw failedPrecondition(missing(key));
  }
  return payload;
}

/** Fields of the pod and resources of its containers as files. Pure. */
export function downwardPayload(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
  allocatable: Allocatable,
): Payload {
  const payload = new Map<string, FileContent>();
  const problems: string[] = [];
  for (const item of items) {
    try {
      const text = downwardText(pod, item, allocatable);
      payload.set(item.path, { data: Buffer.from(text), mode: item.mode ?? defaultMode });
    } catch (error) {
      problems.push(errorMessage(error));
    }
  }
  if (problems.length > 0) throw failedPrecondition(aggregateMessage(problems));
  return payload;
}

function downwardText(
  pod: Pod,
  { fieldRef, resourceFieldRef }: DownwardAPIVolumeFile,
  allocatable: Allocatable,
): string {
  if (fieldRef !== undefined) return metadataValue(pod, fieldRef.fieldPath);
  if (resourceFieldRef === undefined) return '';
  return resourceValue(pod, undefined, resourceFieldRef, allocatable);
}
