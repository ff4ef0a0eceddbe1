import type { Refusal } from './filter/filter.ts';

/** Why a pod fits nowhere. */
export interface Diagnosis {
  /** How many nodes there are. */
  readonly total: number;
  /** What was said of all nodes before any was asked about. */
  readonly everywhere?: Refusal;
  /** What was said of each node that was asked about. */
  readonly byNode: ReadonlyMap<string, Refusal>;
  /** What is said of the others. */
  readonly elsewhere?: string;
  /** Upstream's names of the filters that refused it: what has to change. */
  readonly rejectors: ReadonlySet<string>;
}

/** Upstream's text of a pod that was tried while no node was there. */
export const NO_NODES = 'no nodes available to schedule pods';

/** Upstream's text: `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. no new claims to deallocate, preemption: …`. */
export function fitErrorText(diagnosis: Omit<Diagnosis, 'rejectors'>, preemption = ''): string {
  const { total, everywhere, byNode, elsewhere } = diagnosis;
  const parts = [`0/${total} nodes are available:`];
  if (everywhere !== undefined) parts.push(`${everywhere.reasons.join(', ')}.`);
  else {
    const counts = new Map<string, number>();
    const count = (reason: string, nodes: number): void => {
      counts.set(reason, (counts.get(reason) ?? 0) + nodes);
    };
    for (const { reasons } of byNode.values()) for (const reason of reasons) count(reason, 1);
    if (elsewhere !== undefined && byNode.size < total) count(elsewhere, total - byNode.size);
    // by their texts with the numbers, as upstream: 10 comes before 2
    const texts = [...counts].map(([reason, nodes]) => `${nodes} ${reason}`).sort();
    if (texts.length > 0) parts.push(`${texts.join(', ')}.`);
  }
  if (preemption !== '') parts.push(preemption);
  return parts.join(' ');
}
