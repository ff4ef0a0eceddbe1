import type { Node, Taint } from '../api/types/gen/core-v1.ts';
import { isNotFound } from '../base/errors.ts';
import type { ApiConnection } from '../client/connection.ts';
import { ResourceClient } from '../client/resource-client.ts';
import type { Say } from './phases.ts';
import { serviceState } from './service-state.ts';
import { NODE_SERVICE, type Services } from './services.ts';
import { waitUntil } from './wait.ts';

const NODES = { group: '', version: 'v1', plural: 'nodes' } as const;
const LABELS = ['node-role.kubernetes.io/control-plane', 'node.kubernetes.io/exclude-from-external-load-balancers'];

export interface TaintWishes {
  readonly wanted: readonly Taint[];
  /** Those that are to go where they are. */
  readonly dropped: readonly Taint[];
  /** A node that was marked before has its taints by now, or somebody took them off: they are only asked for anew where this is true. */
  readonly said: boolean;
}

export interface MarkOptions {
  readonly connection: ApiConnection;
  readonly nodeName: string;
  readonly taints: TaintWishes;
  readonly services: Services;
  /** What else may keep the kubelet from registering; empty where that is nothing. Asked once the time is up, where the API server answers. Never fails. */
  readonly otherCause?: () => Promise<string>;
  /** How long the kubelet may take to register. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Waits until the node has registered, and gives it the labels of a control plane, and the taints that are wanted. Safe to repeat. */
export async function markControlPlane(options: MarkOptions, say: Say): Promise<void> {
  const { connection, nodeName, taints, services, otherCause, timeoutMs, signal } = options;
  const nodes = new ResourceClient<Node>(connection, NODES);
  say(`Marking the node ${nodeName} as control-plane by adding the labels: [${LABELS.join(' ')}]`);
  const { wanted, dropped, said } = taints;
  if (said && wanted.length > 0)
    say(`Marking the node ${nodeName} as control-plane by adding the taints [${wanted.map(taintText).join(' ')}]`);
  if (dropped.length > 0) say(`Taking the taints [${dropped.map(taintText).join(' ')}] off the node ${nodeName}`);
  let isAbsent = false;
  await waitUntil(
    {
      what: `the node ${nodeName} to register`,
      timeoutMs,
      pauseMs: 100,
      signal,
      hint: async () => {
        const cause = isAbsent ? ((await otherCause?.()) ?? '') : '';
        const state = await serviceState(services, NODE_SERVICE);
        return cause === '' ? state : `${cause}; ${state}`;
      },
    },
    async looking => {
      const node = await nodes.get('', nodeName, looking).catch((error: unknown) => {
        if (!looking.aborted) isAbsent = isNotFound(error);
        throw error;
      });
      const patch = controlPlanePatch(node, taints);
      if (patch !== undefined) await nodes.patch({ namespace: '', name: nodeName }, 'merge', patch, looking);
    },
  );
}

/** What the node lacks; undefined where it lacks nothing. With its resource version, because a list of taints is replaced whole. */
export function controlPlanePatch(
  { metadata, spec }: Node,
  { wanted, dropped, said }: TaintWishes,
): object | undefined {
  const standing = spec?.taints ?? [];
  const isIn = (taints: readonly Taint[], { key, effect }: Taint): boolean =>
    taints.some(each => each.key === key && each.effect === effect);
  const lacksLabels = LABELS.some(name => metadata.labels?.[name] === undefined);
  const missing = lacksLabels || said ? wanted.filter(taint => !isIn(standing, taint)) : [];
  const left = standing.filter(taint => !isIn(dropped, taint));
  const sameTaints = missing.length === 0 && left.length === standing.length;
  if (!lacksLabels && sameTaints) return undefined;
  return {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      labels: Object.fromEntries(LABELS.map(name => [name, ''])),
    },
    ...(sameTaints ? {} : { spec: { taints: [...missing, ...left] } }),
  };
}

function taintText({ key, value, effect }: Taint): string {
  return `${key}${value ? `=${value}` : ''}:${effect}`;
}
