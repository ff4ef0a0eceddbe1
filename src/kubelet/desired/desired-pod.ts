import type { Pod } from '../../api/types/gen/core-v1.ts';

/** A pod that this node shall run: decoded, defaulted, validated, and named for this node. */
export interface DesiredPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly pod: Pod;
  readonly source: 'file';
  /** The manifest it stands in. */
  readonly file: string;
}

/** `namespace/name`: what may exist once at a time on a node. */
export function fullName(pod: { readonly namespace: string; readonly name: string }): string {
  return `${pod.namespace}/${pod.name}`;
}
