import type { ApiResource } from '../schema/resources/resource.ts';
import { autoscalingV1Conversion } from './autoscaling-v1.ts';
import { eventsV1Conversion } from './events-v1.ts';
import type { VersionConversion } from './version-conversion.ts';

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
