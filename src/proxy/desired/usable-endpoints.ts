import type { Endpoint } from './endpoint.ts';
import { isExternallyAccessible, type ServicePort } from './service-port.ts';

/** This node, as far as it decides who serves. */
export interface NodePlace {
  readonly name: string;
  /** Its zone; empty where it has none. */
  readonly zone: string;
}

export interface UsableEndpoints {
  /** For traffic that may go to any node. */
  readonly cluster: readonly Endpoint[];
  /** For traffic that stays on this node. */
  readonly local: readonly Endpoint[];
  /** Whether anybody anywhere serves it: without, it is refused; with, but none for this traffic, it is dropped. */
  readonly hasAny: boolean;
}

/**
 * Which endpoints traffic goes to: those that are ready; where none is, those that still serve while they end; both for each kind of traffic by itself.
 * Hints are followed where every ready endpoint has one and one names this node, or else this zone.
 */
export function usableEndpoints(port: ServicePort, endpoints: readonly Endpoint[], node: NodePlace): UsableEndpoints {
  const usesCluster = !port.internalLocal || isExternallyAccessible(port);
  const usesLocal = port.internalLocal || (port.externalLocal && isExternallyAccessible(port));
  const ready = endpoints.filter(endpoint => endpoint.ready);
  const ending = endpoints.filter(({ ready: isReady, serving, terminating }) => !isReady && serving && terminating);
  const cluster = usesCluster ? orElse(near(ready, node), ending) : [];
  const isLocal = ({ isLocal: local }: Endpoint): boolean => local;
  const local = usesLocal ? orElse(ready.filter(isLocal), ending.filter(isLocal)) : [];
  return { cluster, local, hasAny: ready.length > 0 || ending.length > 0 };
}

/** The ready endpoints that hints choose for this node; all where hints do not hold. */
function near(ready: readonly Endpoint[], { name, zone }: NodePlace): readonly Endpoint[] {
  return (
    hinted(ready, ({ nodeHints }) => nodeHints, name) ?? hinted(ready, ({ zoneHints }) => zoneHints, zone) ?? ready
  );
}

function hinted(
  ready: readonly Endpoint[],
  hintsOf: (endpoint: Endpoint) => readonly string[],
  here: string,
): readonly Endpoint[] | undefined {
  if (here === '' || ready.some(endpoint => hintsOf(endpoint).length === 0)) return undefined;
  const chosen = ready.filter(endpoint => hintsOf(endpoint).includes(here));
  return chosen.length > 0 ? chosen : undefined;
}

function orElse<T>(first: readonly T[], second: readonly T[]): readonly T[] {
  return first.length > 0 ? first : second;
}
