import type { ChangeKind, ClusterChange } from '../cluster-change.ts';
import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Steps } from '../steps.ts';

/** Why a pod may not be on a node. */
export interface Refusal {
  /** Upstream's name of the filter. */
  readonly plugin: string;
  /** True where removing other pods from the node would not help. */
  readonly isFinal: boolean;
  /** Upstream's texts. */
  readonly reasons: readonly string[];
}

/** What a filter has found out about a pod once, to be asked about each node. */
export interface NodeCheck {
  /** Undefined where the pod may be there. */
  check(node: NodeInfo): Refusal | undefined;
  /** The only nodes that need to be asked about, by name, where they are known. */
  readonly only?: ReadonlySet<string>;
  /** For what-if questions: a check of its own that `count` may change. Where it is missing, other pods do not matter to this filter but through the node's sums. */
  copy?(): NodeCheck;
  /** As if one more pod (1) or one less (-1) were on a node. */
  count?(pod: PodInfo, node: NodeInfo, sign: 1 | -1): void;
}

/** Undefined where the pod asks for nothing of the kind; a refusal, which is final, where no node would do. */
export type Prepared = NodeCheck | Refusal | undefined;

/** One reason against placing a pod on a node. Pure. */
export interface Filter {
  readonly name: string;
  /** Looks at the pod once; step by step where that means a look at all pods. */
  prepare(pod: PodInfo, picture: Picture): Prepared | Steps<Prepared>;
  /** The kinds of changes that may undo a refusal of this filter. */
  readonly changes: readonly ChangeKind[];
  /** True if a change may undo its refusal of a pod. Better once too often than never: the pod is only tried again. */
  mayHelp(change: ClusterChange, pod: PodInfo, picture: Picture): boolean;
}

/** True for what `prepare` answers where no node would do. */
export function isRefusal(answer: Prepared): answer is Refusal {
  return answer !== undefined && 'reasons' in answer;
}

/** True if a value of two objects differs. They are plain data, and small. */
export function differs(a: unknown, b: unknown): boolean {
  return a !== b && JSON.stringify(a) !== JSON.stringify(b);
}
