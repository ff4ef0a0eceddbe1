import { equalValues } from '../../api/semantic-equal.ts';
import type { Service } from '../../api/types/gen/core-v1.ts';
import { MANAGED_BY, SERVICE_NAME } from '../services/endpoint-slices.ts';
import { HEADLESS, isHeadless } from '../services/service-pods.ts';

type Labels = Readonly<Record<string, string>>;

/** Upstream's name of this controller in the label that says who manages a slice. */
export const CONTROLLER = 'endpointslice-controller.k8s.io';
/** What slices say about themselves: a service cannot say otherwise. */
const RESERVED: readonly string[] = [SERVICE_NAME, MANAGED_BY, HEADLESS];

/** The labels of the slices of a service: its own, and those by which slices are found. */
export function sliceLabels(service: Service): Labels {
  return {
    ...withoutReserved(service.metadata.labels),
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
    [SERVICE_NAME]: service.metadata.name ?? '',
    [MANAGED_BY]: CONTROLLER,
  };
}

/** True where a service was labelled anew: a change of the reserved ones alone leads to no write. */
export function labelsDiffer(present: Labels | undefined, wanted: Labels): boolean {
  return !equalValues(withoutReserved(present), withoutReserved(wanted));
}

function withoutReserved(labels: Labels | undefined): Labels {
  return Object.fromEntries(Object.entries(labels ?? {}).filter(([key]) => !RESERVED.includes(key)));
}
