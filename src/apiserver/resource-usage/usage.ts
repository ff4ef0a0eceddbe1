import type { Reading, Scrape } from './scrape.ts';

/** What something used in a span of time. */
export interface Usage {
  /** CPU time per second. */
  readonly nanoCores: number;
  readonly memoryBytes: number;
  /** The end of the span: milliseconds since the epoch. */
  readonly at: number;
  readonly windowMs: number;
}

export interface NodeUsage {
  readonly node: Usage | undefined;
  /** By `namespace/pod`, then by container. Pods are whole: where one container has no usage yet, its pod has none, as with metrics-server. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, Usage>>;
}

/** A shorter span says too little: a container that was just started is told of when it has run so long. */
const MIN_WINDOW_MS = 500;

/** What was used between two scrapes, the older first. Pure. */
export function usageBetween(before: Scrape, after: Scrape): NodeUsage {
  const pods = new Map<string, ReadonlyMap<string, Usage>>();
  for (const [pod, readings] of after.pods) {
    const usages = new Map<string, Usage>();
    for (const [container, reading] of readings) {
      const usage = usageOf(before.pods.get(pod)?.get(container), reading);
      if (usage !== undefined) usages.set(container, usage);
    }
    if (usages.size > 0 && usages.size === readings.size) pods.set(pod, usages);
  }
  return { node: after.node === undefined ? undefined : usageOf(before.node, after.node), pods };
}

/** One that was started since has used nothing before: its span begins with it. */
function usageOf(before: Reading | undefined, after: Reading): Usage | undefined {
  const { startedAt, at, memoryBytes, cpuSeconds } = after;
  const isNew = startedAt !== undefined && (before === undefined || startedAt > before.at);
  const base = isNew ? { at: startedAt, cpuSeconds: 0 } : before;
  if (base === undefined) return undefined;
  const windowMs = at - base.at;
  const used = cpuSeconds - base.cpuSeconds;
  if (windowMs < MIN_WINDOW_MS || used < 0) return undefined;
  return { nanoCores: Math.round((used * 1e12) / windowMs), memoryBytes, at, windowMs };
}
