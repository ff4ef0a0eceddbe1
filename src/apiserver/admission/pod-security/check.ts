import { goQuote } from '../../../api/go-quote.ts';
import type { Container, Pod, PodSpec } from '../../../api/types/gen/core-v1.ts';

/** What a pod does that a level forbids: `privileged (container "a" must not set securityContext.privileged=true)`. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export type Check = (pod: Pick<Pod, 'metadata' | 'spec'>) => Violation | undefined;

/** What a check asked for over the years. */
export interface VersionedCheck {
  /** Upstream's id. */
  readonly id: string;
  /** The baseline check that is not done where this one is, which asks for more. */
  readonly standsFor?: string;
  /** Oldest first; each holds from minor version `since` of Kubernetes 1 until the next begins. */
  readonly versions: readonly { readonly since: number; readonly check: Check }[];
}

/** Names as messages list them: `"a", "b"`. */
export const quoted = (names: readonly string[]): string => names.map(goQuote).join(', ');
/** The word for so many of them. */
export const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);
/** `containers "a", "b"`. */
export const those = (names: readonly string[]): string =>
  `${plural('container', 'containers', names.length)} ${quoted(names)}`;

/** All containers of a pod, in the order in which messages name them. */
export function containersOf(spec: PodSpec): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

/** Names of containers that do something, and what they do it with. */
export function collect<T extends string | number>(
  spec: PodSpec,
  values: (container: Container) => readonly T[],
): { readonly names: string[]; readonly values: T[] } {
  const found = containersOf(spec).map(container => [container.name, values(container)] as const);
  const bad = found.filter(([, list]) => list.length > 0);
  return { names: bad.map(([name]) => name), values: [...new Set(bad.flatMap(([, list]) => [...list]))].toSorted() };
}

/** A setting that the pod and its containers can both make wrongly. */
export function settings<T extends string>(
  spec: PodSpec,
  ofPod: readonly T[],
  ofContainer: (container: Container) => readonly T[],
): { readonly setters: string[]; readonly values: T[] } {
  const { names, values } = collect(spec, ofContainer);
  const setters = [...(ofPod.length > 0 ? ['pod'] : []), ...(names.length > 0 ? [those(names)] : [])];
  return { setters, values: [...new Set([...ofPod, ...values])].toSorted() };
}
