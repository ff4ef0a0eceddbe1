import type { NodeInfo } from '../node-info.ts';
import type { ResourceVector } from '../resource-vector.ts';
import { MAX_SCORE, type Score } from './score.ts';

/** What is compared, both of the same weight: CPU and memory. */
const COMPARED = ['milliCpu', 'memory'] as const;

/** More of CPU and memory left, by the usual requests of containers that state none. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  prepare: ({ usualRequests }) => ({
    score({ allocatable, usualRequested }) {
      let sum = 0;
      let compared = 0;
      for (const name of COMPARED) {
        const has = allocatable[name];
        if (has === 0) continue;
        const left = has - usualRequested[name] - usualRequests[name];
        if (left > 0) sum += Math.trunc((left * MAX_SCORE) / has);
        compared += 1;
      }
      return compared === 0 ? 0 : Math.trunc(sum / compared);
    },
  }),
};

/** CPU and memory more evenly used with the pod than without it. Nothing for pods that ask for neither. */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  prepare({ requests }) {
    if (COMPARED.every(name => requests[name] === 0)) return undefined;
    return {
      score(node) {
        const half = MAX_SCORE / 2;
        return half + Math.trunc((half + balance(node, requests) - balance(node)) / 2);
      },
    };
  },
};

/** 100 where CPU and memory are used in the same proportion. */
function balance({ allocatable, requested }: NodeInfo, wanted?: ResourceVector): number {
  const cpu = share(requested.milliCpu + (wanted?.milliCpu ?? 0), allocatable.milliCpu);
  const memory = share(requested.memory + (wanted?.memory ?? 0), allocatable.memory);
  if (cpu === undefined || memory === undefined) return MAX_SCORE;
  return Math.trunc((1 - Math.abs((cpu - memory) / 2)) * MAX_SCORE);
}

/** At most 1; undefined of a resource that the node does not have. */
function share(used: number, has: number): number | undefined {
  return has === 0 ? undefined : Math.min(1, used / has);
}
