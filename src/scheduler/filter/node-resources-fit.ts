import { podRequests } from '../../api/pod-resources.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { NodeInfo } from '../node-info.ts';
import { type ResourceVector, resourceVector } from '../resource-vector.ts';
import type { Filter, Refusal } from './filter.ts';

const NAME = 'NodeResourcesFit';

/** What a pod asks for has to be left on the node: CPU, memory, ephemeral storage, extended resources, and a place among its pods. */
export const nodeResourcesFit: Filter = {
  name: NAME,
  prepare: ({ requests }) => ({ check: node => fits(requests, node) }),
  changes: ['node', 'pod', 'self'],
  mayHelp(change, { requests }) {
    switch (change.kind) {
      case 'self':
        return isLess(requestsOf(change.after), requestsOf(change.before), requestsOf(change.before));
      case 'pod':
        if (change.before === undefined) return false;
        if (change.after === undefined) return true;
        return isLess(requestsOf(change.after), requestsOf(change.before), requests);
      case 'node':
        return change.after !== undefined && mayFit(change.before, change.after, requests);
      default:
        return false;
    }
  },
};

/** What is missing on a node; undefined where nothing is. A pod that alone is more than the node has is refused for good. */
function fits(wanted: ResourceVector, node: NodeInfo): Refusal | undefined {
  const reasons: string[] = [];
  let isFinal = false;
  if (node.pods.size + 1 > node.allowedPods) reasons.push('Too many pods');
  const hold = (name: string, amount: number, has: number, used: number): void => {
    if (amount === 0 || amount <= has - used) return;
    reasons.push(`Insufficient ${name}`);
    if (amount > has) isFinal = true;
  };
  const { allocatable, requested } = node;
  hold('cpu', wanted.milliCpu, allocatable.milliCpu, requested.milliCpu);
  hold('memory', wanted.memory, allocatable.memory, requested.memory);
  hold('ephemeral-storage', wanted.ephemeralStorage, allocatable.ephemeralStorage, requested.ephemeralStorage);
  for (const [name, amount] of wanted.scalars)
    hold(name, amount, allocatable.scalars.get(name) ?? 0, requested.scalars.get(name) ?? 0);
  return reasons.length === 0 ? undefined : { plugin: NAME, isFinal, reasons };
}

/** True if a node, were it empty, would do, and is new or has more than before of something that is wanted. */
function mayFit(before: Node | undefined, after: Node, wanted: ResourceVector): boolean {
  const now = emptyNode(after);
  if (fits(wanted, now) !== undefined) return false;
  if (before === undefined) return true;
  const then = emptyNode(before);
  return now.allowedPods > then.allowedPods || isLess(then.allocatable, now.allocatable, wanted);
}

function emptyNode(node: Node): NodeInfo {
  const info = new NodeInfo(node.metadata.name ?? '');
  info.setNode(node);
  return info;
}

/** True if `a` has less than `b` of something that is wanted. */
function isLess(a: ResourceVector, b: ResourceVector, wanted: ResourceVector): boolean {
  return (
    (wanted.milliCpu > 0 && a.milliCpu < b.milliCpu) ||
    (wanted.memory > 0 && a.memory < b.memory) ||
    (wanted.ephemeralStorage > 0 && a.ephemeralStorage < b.ephemeralStorage) ||
    [...wanted.scalars].some(([name, amount]) => amount > 0 && (a.scalars.get(name) ?? 0) < (b.scalars.get(name) ?? 0))
  );
}

function requestsOf(pod: Pod): ResourceVector {
  return resourceVector(podRequests(pod, 'spec-and-status'));
}
