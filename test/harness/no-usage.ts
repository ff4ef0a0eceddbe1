import type { UsageSource } from '../../src/apiserver/handlers/resource-usage.ts';
import { NodeUsages } from '../../src/apiserver/resource-usage/node-usages.ts';
import { systemClock } from '../../src/base/clock.ts';

const none = { get: () => undefined, list: () => [] };

/** For tests that do not ask what is used: there are no nodes. */
export const noUsage: UsageSource = {
  nodes: none,
  pods: none,
  usages: new NodeUsages({
    scrape: async () => ({ node: undefined, pods: new Map() }),
    clock: systemClock,
    log: { warn: () => {} },
  }),
};
