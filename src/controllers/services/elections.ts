import type { Endpoints } from '../../api/types/gen/core-v1.ts';

const LEADER = 'control-plane.alpha.kubernetes.io/leader';

/** True for Endpoints that are no endpoints at all: old programs elect their leader by an annotation of one. */
export function isElection({ metadata }: Endpoints): boolean {
  return metadata.annotations?.[LEADER] !== undefined;
}
