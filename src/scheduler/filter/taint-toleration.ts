import { untoleratedTaint } from '../../api/tolerations.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { differs, type Filter, type Refusal } from './filter.ts';

const NAME = 'TaintToleration';
const TAINTED: Refusal = { plugin: NAME, isFinal: true, reasons: ['node(s) had untolerated taint(s)'] };
/** Effects that keep pods away; PreferNoSchedule is for scores. */
const EFFECTS = ['NoSchedule', 'NoExecute'];

/** Nodes repel pods that do not tolerate their taints. */
export const taintToleration: Filter = {
  name: NAME,
  prepare: ({ pod }) => ({
    check: ({ node }) => (node === undefined || isTolerated(node, pod) ? undefined : TAINTED),
  }),
  changes: ['node', 'self'],
  mayHelp(change, { pod }) {
    if (change.kind === 'self') return differs(change.before.spec.tolerations, change.after.spec.tolerations);
    if (change.kind !== 'node' || change.after === undefined || !isTolerated(change.after, pod)) return false;
    return change.before === undefined || !isTolerated(change.before, pod);
  },
};

/** True if no taint of a node keeps the pod away. */
export function isTolerated(node: Node, pod: Pod): boolean {
  return untoleratedTaint(node.spec.taints, pod.spec.tolerations, EFFECTS) === undefined;
}
