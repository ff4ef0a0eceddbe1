import type { Node } from '../../api/types/gen/core-v1.ts';
import { ALLOW, changeTo, type Decision, isAbout, type WriteRequest } from './admission.ts';

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

/** A new node takes no pods until it has said that it is ready. */
export function decideTaintNodesByCondition(request: WriteRequest): Decision {
  if (request.operation !== 'CREATE' || !isAbout(request, '', 'nodes') || request.object === undefined) return ALLOW;
  const node = request.object as Node;
  const taints = node.spec.taints ?? [];
  if (taints.some(taint => taint.key === NOT_READY.key && taint.effect === NOT_READY.effect)) return ALLOW;
  return changeTo({ ...node, spec: { ...node.spec, taints: [...taints, NOT_READY] } } as Node);
}
