import { toleratesTaint } from '../../api/tolerations.ts';
import type { Pod, Taint } from '../../api/types/gen/core-v1.ts';
import { differs, type Filter, type Refusal } from './filter.ts';

const NAME = 'NodeUnschedulable';
const CORDONED: Refusal = { plugin: NAME, isFinal: true, reasons: ['node(s) were unschedulable'] };
const TAINT: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Nodes that are cordoned take only pods that tolerate it. */
export const nodeUnschedulable: Filter = {
  name: NAME,
  prepare({ pod }) {
    if (tolerates(pod)) return undefined;
    return { check: ({ node }) => (node?.spec.unschedulable === true ? CORDONED : undefined) };
  },
  changes: ['node', 'self'],
  mayHelp(change) {
    if (change.kind === 'self')
      return differs(change.before.spec.tolerations, change.after.spec.tolerations) && tolerates(change.after);
    if (change.kind !== 'node' || change.after === undefined || change.after.spec.unschedulable === true) return false;
    return change.before === undefined || change.before.spec.unschedulable === true;
  },
};

function tolerates(pod: Pod): boolean {
  return (pod.spec.tolerations ?? []).some(toleration => toleratesTaint(toleration, TAINT));
}
