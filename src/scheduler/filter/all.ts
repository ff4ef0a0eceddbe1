import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { PodInfo } from '../pod-info.ts';
import { isSteps, type Steps } from '../steps.ts';
import { dynamicResources } from './dynamic-resources.ts';
import { type Filter, isRefusal, type NodeCheck, type Refusal } from './filter.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { podTopologySpread } from './pod-topology-spread.ts';
import { taintToleration } from './taint-toleration.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';

/** Every filter, in upstream's order: the first that refuses a node is the one that is told of. */
export const FILTERS: readonly Filter[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  volumeBinding,
  podTopologySpread,
  interPodAffinity,
  dynamicResources,
];

/** All filters for one pod. */
export class PodChecks {
  readonly #checks: readonly NodeCheck[];

  constructor(checks: readonly NodeCheck[]) {
    this.#checks = checks;
  }

  /** The only nodes that need to be asked about; undefined: all. */
  get only(): ReadonlySet<string> | undefined {
    return this.#checks.find(check => check.only !== undefined)?.only;
  }

  /** Why the pod may not be on a node; undefined where it may. */
  check(node: NodeInfo): Refusal | undefined {
    for (const check of this.#checks) {
      const refusal = check.check(node);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** Checks of one's own, to be changed by `count`. */
  copy(): PodChecks {
    return new PodChecks(this.#checks.map(check => check.copy?.() ?? check));
  }

  /** As if one more pod (1) or one less (-1) were on a node. The sums of the node are the caller's. */
  count(pod: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    for (const check of this.#checks) check.count?.(pod, node, sign);
  }
}

/** Asks every filter about a pod; a refusal where no node would do. */
export function* prepareChecks(pod: PodInfo, picture: Picture): Steps<PodChecks | Refusal> {
  const checks: NodeCheck[] = [];
  for (const filter of FILTERS) {
    const found = filter.prepare(pod, picture);
    const answer = isSteps(found) ? yield* found : found;
    if (answer === undefined) continue;
    if (isRefusal(answer)) return answer;
    checks.push(answer);
  }
  return new PodChecks(checks);
}
