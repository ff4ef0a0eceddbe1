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
      const parts = COMPARED.filter(name => allocatable[name] > 0).map(name => {
        const wanted = usualRequested[name] + usualRequests[name];
        if (wanted > allocatable[name]) return 0;
        return Math.trunc(((allocatable[name] - wanted) * MAX_SCORE) / allocatable[name]);
      });
      return parts.length === 0 ? 0 : Math.trunc(parts.reduce((a, b) => a + b) / parts.length);
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
  const used = COMPARED.filter(name => allocatable[name] > 0).map(name =>
    Math.min(1, (requested[name] + (wanted?.[name] ?? 0)) / allocatable[name]),
  );
  const [a = 0, b = a] = used;
  return Math.trunc((1 - Math.abs((a - b) / 2)) * MAX_SCORE);
}
