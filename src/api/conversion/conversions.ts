import type { ApiResource } from '../schema/resources/resource.ts';
import { autoscalingV1Conversion } from './autoscaling-v1.ts';
import { eventsV1Conversion } from './events-v1.ts';

/** Turns objects of one version of a kind into the version that is stored, and back. Pure; the object given is not changed. */
export interface VersionConversion {
  /** The kind's type and apiVersion are those of the stored version. */
  toStored(object: object): object;
  fromStored(object: object): object;
}

const CONVERSIONS: ReadonlyMap<string, VersionConversion> = new Map([
  ['events.k8s.io/v1/events', eventsV1Conversion],
  ['autoscaling/v1/horizontalpodautoscalers', autoscalingV1Conversion],
]);

/** Undefined for a version that is stored as it is. Throws for one that is not and has no conversion: the table is wrong, not the user. */
export function conversionOf({ group, version, plural, storage }: ApiResource): VersionConversion | undefined {
  if (storage === undefined || (storage.group === group && storage.version === version)) return undefined;
  const conversion = CONVERSIONS.get(`${group}/${version}/${plural}`);
  if (conversion === undefined) throw new Error(`${plural} of ${group}/${version} have no conversion`);
  return conversion;
}
