import { quantityMilliValue, quantityValue } from '../../api/quantity.ts';
import type { Container, Pod, ResourceFieldSelector } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import type { NodeCapacity } from '../resources/node-capacity.ts';

/** What the node can give to pods. */
export interface Allocatable extends NodeCapacity {
  readonly storageBytes: number;
}

/**
 * The value of a resourceFieldRef, in units of its divisor, rounded up. A limit that is not set is the pod's as a whole, or what the node can give. `own` is
 * the container that asks, undefined for a volume, which has to name one.
 */
export function resourceValue(
  pod: Pod,
  own: Container | undefined,
  selector: ResourceFieldSelector,
  allocatable: Allocatable,
): string {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const name = selector.containerName;
  const container = name === undefined || name === '' ? own : containers.find(c => c.name === name);
  if (container === undefined) throw configError(`container ${name ?? ''} not found`);
  const [kind = '', resource = ''] = splitOnce(selector.resource);
  if ((kind !== 'limits' && kind !== 'requests') || !/^(cpu|memory|ephemeral-storage|hugepages-.+)$/.test(resource))
    throw configError(`resource "${selector.resource}" cannot be used in a resourceFieldRef`);
  const { limits, requests } = container.resources;
  const quantity =
    kind === 'limits'
      ? (aboveZero(limits?.[resource]) ?? podLimit(pod, resource))
      : (requests?.[resource] ?? limits?.[resource]);
  const divisor = selector.divisor === undefined || quantityValue(selector.divisor) === 0 ? '1' : selector.divisor;
  if (resource === 'cpu') {
    const milli =
      quantity === undefined ? (kind === 'limits' ? allocatable.milliCpu : 0) : quantityMilliValue(quantity);
    return String(Math.ceil(milli / quantityMilliValue(divisor)));
  }
  const fallback = kind === 'limits' ? ofNode(allocatable, resource) : 0;
  return String(Math.ceil((quantity === undefined ? fallback : quantityValue(quantity)) / quantityValue(divisor)));
}

/** Zero is no limit. */
function aboveZero(quantity: string | undefined): string | undefined {
  return quantity === undefined || quantityMilliValue(quantity) === 0 ? undefined : quantity;
}

function podLimit({ spec }: Pod, resource: string): string | undefined {
  return resource === 'cpu' || resource === 'memory' ? aboveZero(spec.resources?.limits?.[resource]) : undefined;
}

/** Huge pages are not overcommitted: one that has no limit has none. */
function ofNode({ memoryBytes, storageBytes }: Allocatable, resource: string): number {
  if (resource === 'memory') return memoryBytes;
  return resource === 'ephemeral-storage' ? storageBytes : 0;
}

function splitOnce(text: string): readonly [string, string] {
  const dot = text.indexOf('.');
  return dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)];
}

function configError(message: string): Error {
  return failedPrecondition(message, { reason: 'CreateContainerConfigError' });
}
