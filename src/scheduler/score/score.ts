import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Steps } from '../steps.ts';

/** The best that one plugin gives a node. */
export const MAX_SCORE = 100;

/** What a score has found out about a pod once, to be asked about each node. */
export interface NodeScore {
  score(node: NodeInfo): number;
  /** Brings the scores of all nodes, in the same order, into 0 to 100. Where it is missing they are so already. */
  normalize?(scores: readonly number[], nodes: readonly NodeInfo[]): readonly number[];
}

export type PreparedScore = NodeScore | undefined;

/** One reason to prefer a node among those that fit. Pure. Numbers are whole, cut as upstream cuts them. */
export interface Score {
  readonly name: string;
  /** Upstream's. */
  readonly weight: number;
  /** Undefined where all nodes are alike to it. Step by step where that takes a look at all pods. */
  prepare(pod: PodInfo, picture: Picture, feasible: readonly NodeInfo[]): PreparedScore | Steps<PreparedScore>;
}

/** The largest becomes 100, 0 stays 0; the other way round where less is better. */
export function proportional(scores: readonly number[], isLessBetter: boolean): readonly number[] {
  const most = Math.max(0, ...scores);
  if (most === 0) return isLessBetter ? scores.map(() => MAX_SCORE) : scores;
  return scores.map(score => {
    const part = Math.trunc((MAX_SCORE * score) / most);
    return isLessBetter ? MAX_SCORE - part : part;
  });
}
