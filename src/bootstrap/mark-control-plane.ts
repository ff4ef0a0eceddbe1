import type { Node, Taint } from '../api/types/gen/core-v1.ts';
import type { ApiConnection } from '../client/connection.ts';
import { ResourceClient } from '../client/resource-client.ts';
import type { Say } from './phases.ts';
import { NODE_SERVICE, type Services } from './services.ts';
import { waitUntil } from './wait.ts';

const NODES = { group: '', version: 'v1', plural: 'nodes' } as const;
const REGISTER_PATIENCE_MS = 240_000;
const LABELS = ['node-role.kubernetes.io/control-plane', 'node.kubernetes.io/exclude-from-external-load-balancers'];
const TAINT: Taint = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };

export interface MarkOptions {
  readonly connection: ApiConnection;
  readonly nodeName: string;
  readonly taint: boolean;
  readonly services: Services;
  readonly signal: AbortSignal;
}

/** Waits until the node has registered, and gives it the labels of a control plane, and its taint where that is wanted. Safe to repeat. */
export async function markControlPlane(options: MarkOptions, say: Say): Promise<void> {
  const { connection, nodeName, taint, services, signal } = options;
  const nodes = new ResourceClient<Node>(connection, NODES);
  say(`Marking the node ${nodeName} as control-plane by adding the labels: [${LABELS.join(' ')}]`);
  if (taint) say(`Marking the node ${nodeName} as control-plane by adding the taints [${TAINT.key}:${TAINT.effect}]`);
  await waitUntil(
    {
      what: `the node ${nodeName} to register`,
      timeoutMs: REGISTER_PATIENCE_MS,
      pauseMs: 100,
      signal,
      hint: async () => `the end of the kubelet's log: ${await services.lastLog(NODE_SERVICE)}`,
    },
    async looking => {
      const node = await nodes.get('', nodeName, looking);
      const patch = controlPlanePatch(node, taint);
      if (patch !== undefined) await nodes.patch({ namespace: '', name: nodeName }, 'merge', patch, looking);
    },
  );
}

/** What the node lacks; undefined where it lacks nothing. With its resource version, because a list of taints is replaced whole. */
export function controlPlanePatch({ metadata, spec }: Node, taint: boolean): object | undefined {
  const taints = spec?.taints ?? [];
  const isTainted = taints.some(({ key, effect }) => key === TAINT.key && effect === TAINT.effect);
  const lacksLabels = LABELS.some(name => metadata.labels?.[name] === undefined);
  const lacksTaint = taint && !isTainted;
  if (!lacksLabels && !lacksTaint) return undefined;
  return {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      labels: Object.fromEntries(LABELS.map(name => [name, ''])),
    },
    ...(lacksTaint ? { spec: { taints: [TAINT, ...taints] } } : {}),
  };
}
