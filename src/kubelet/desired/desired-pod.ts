import type { Pod } from '../../api/types/gen/core-v1.ts';

/** Where a pod was asked for: a manifest on this node, or the API server. */
export type PodSource = 'file' | 'api';

/** A pod that this node shall run: decoded, defaulted, validated, and named for this node. */
export interface DesiredPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly pod: Pod;
  readonly source: PodSource;
  /** The manifest it stands in; empty for one from the API server. */
  readonly file: string;
  /** Somebody deleted it: it is to end with this grace, in seconds, and then to go from the API server. */
  readonly deletion?: { readonly graceSeconds: number } | undefined;
  /** It asks for other amounts than these, which the node cannot give yet, or at all. */
  readonly resizePending?: { readonly reason: 'Deferred' | 'Infeasible'; readonly message: string };
  /** The API server has it as succeeded or failed: nothing of it is ever started again. */
  readonly finished?: boolean;
}

/** `name_namespace(uid)`: how upstream names a pod to people. */
export function podInWords({ name, namespace, uid }: DesiredPod): string {
  return `${name}_${namespace}(${uid})`;
}

/** `namespace/name`: what may exist once at a time on a node. */
export function fullName(pod: { readonly namespace: string; readonly name: string }): string {
  return `${pod.namespace}/${pod.name}`;
}
