import type { Endpoint, EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { endpointKey, endpointsOf, type SliceChanges, sameState } from '../services/endpoint-slices.ts';
import { labelsDiffer } from './labels.ts';

export interface PackingFacts {
  /** The slices of one family and one set of ports. */
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: readonly Endpoint[];
  readonly labels: Readonly<Record<string, string>>;
  /** Endpoints of a slice, at most. */
  readonly max: number;
  /** An empty slice of this family and these ports. */
  readonly fresh: () => EndpointSlice;
}

/**
 * Puts endpoints into slices with few writes rather than few slices: what is in a slice stays there; what is new goes first into slices that are written
 * anyway, the fullest first; the rest into the one slice that it fills best; and only then into new ones. A slice that nothing is left of goes.
 */
export function packEndpoints({ slices, endpoints, labels, max, fresh }: PackingFacts): SliceChanges {
  const left = new Map(endpoints.map(endpoint => [endpointKey(endpoint), endpoint]));
  const unchanged: EndpointSlice[] = [];
  const written: { slice: EndpointSlice; endpoints: Endpoint[] }[] = [];
  const remove: EndpointSlice[] = [];
  for (const slice of slices) {
    const before = endpointsOf(slice);
    const { kept, isSame } = takeFrom(left, before);
    if (!isSame && kept.length === 0) remove.push(slice);
    else if (!isSame) written.push({ slice, endpoints: kept });
    // the hints of endpoints that stay as they are stay too
    else if (labelsDiffer(slice.metadata.labels, labels)) written.push({ slice, endpoints: [...before] });
    else unchanged.push(slice);
  }
  for (const { endpoints: held } of written.toSorted((a, b) => b.endpoints.length - a.endpoints.length))
    fill(held, left, max);
  const create: EndpointSlice[] = [];
  while (left.size > 0) {
    const slice = bestFit(unchanged, left.size, max);
    const held = slice === undefined ? [] : [...endpointsOf(slice)];
    fill(held, left, max);
    if (slice === undefined) create.push({ ...fresh(), endpoints: held });
    else {
      unchanged.splice(unchanged.indexOf(slice), 1);
      written.push({ slice, endpoints: held });
    }
  }
  const update = written.map(({ slice, endpoints: held }) => withContents(slice, held, labels));
  return { create, update, remove };
}

/** The wanted endpoints that a slice has, as they are wanted, and whether that is what it shows; they are left to nobody else. */
function takeFrom(
  left: Map<string, Endpoint>,
  present: readonly Endpoint[],
): { readonly kept: Endpoint[]; readonly isSame: boolean } {
  const kept: Endpoint[] = [];
  let isSame = true;
  for (const endpoint of present) {
    const key = endpointKey(endpoint);
    const wanted = left.get(key);
    left.delete(key);
    if (wanted !== undefined) kept.push(wanted);
    isSame &&= wanted !== undefined && sameState(wanted, endpoint);
  }
  return { kept, isSame };
}

function fill(held: Endpoint[], left: Map<string, Endpoint>, max: number): void {
  for (const [key, endpoint] of left) {
    if (held.length >= max) return;
    held.push(endpoint);
    left.delete(key);
  }
}

/** The slice that has room for all of them and is left with least; undefined where there is none. */
function bestFit(slices: readonly EndpointSlice[], count: number, max: number): EndpointSlice | undefined {
  const fitting = slices.filter(slice => endpointsOf(slice).length + count <= max);
  return fitting.toSorted((a, b) => endpointsOf(b).length - endpointsOf(a).length)[0];
}

function withContents(
  slice: EndpointSlice,
  endpoints: readonly Endpoint[],
  labels: Readonly<Record<string, string>>,
): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels }, endpoints };
}
