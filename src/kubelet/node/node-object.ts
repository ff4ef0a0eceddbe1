import type {
  ContainerImage,
  Node,
  NodeAddress,
  NodeCondition,
  NodeStatus,
  Taint,
} from '../../api/types/gen/core-v1.ts';
import type { Image } from '../../rpc/cri-api.ts';
import type { RuntimeStatus } from '../runtime/ports.ts';
import type { MachineInfo } from './machine-facts.ts';
import { type NodeResources, resourceLists } from './node-resources.ts';

/** What of a Node is settled when the kubelet starts. */
export interface NodeIdentity {
  readonly name: string;
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly machine: MachineInfo;
  /** `name://version`. */
  readonly runtimeVersion: string;
  readonly kubeletVersion: string;
  readonly port: number;
  readonly resources: NodeResources;
}

/** Upstream's nodeStatusMaxImages, and how many names of one image are told. */
const MAX_IMAGES = 50;
const MAX_NAMES = 5;

/** That this kubelet takes the WebSockets of `kubectl exec` and its kin, so that an API server need not translate them. In alphabetical order. */
const DECLARED_FEATURES = ['ExtendWebSocketsToKubelet'];

/** The labels that every node has, and that stay true whatever somebody wrote over them. */
export function defaultLabels({
  name,
  machine,
}: Pick<NodeIdentity, 'name' | 'machine'>): Readonly<Record<string, string>> {
  const { operatingSystem, architecture } = machine;
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': operatingSystem,
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': operatingSystem,
  };
}

/** The Node as it is created. Pure. */
export function newNode(identity: NodeIdentity, status: NodeStatus): Node {
  const { name, labels, taints } = identity;
  return {
    metadata: {
      name,
      labels: { ...defaultLabels(identity), ...labels },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: taints.length === 0 ? {} : { taints },
    status,
  } as Node;
}

/** The status but for what others write. Pure. */
export function nodeStatus(
  identity: NodeIdentity,
  conditions: readonly NodeCondition[],
  images: readonly ContainerImage[],
  runtime: RuntimeStatus | undefined,
): NodeStatus {
  const { machine, runtimeVersion, kubeletVersion, port, resources } = identity;
  const { swapBytes, ...info } = machine;
  return {
    ...resourceLists(resources),
    conditions,
    addresses: addresses(identity),
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    declaredFeatures: DECLARED_FEATURES,
    nodeInfo: {
      ...info,
      containerRuntimeVersion: runtimeVersion,
      kubeletVersion,
      kubeProxyVersion: '',
      ...(swapBytes === 0 ? {} : { swap: { capacity: swapBytes } }),
    },
    images,
    ...runtimeFeatures(runtime),
  };
}

/** What the runtime can do; nothing before it has answered. */
function runtimeFeatures(runtime: RuntimeStatus | undefined): Pick<NodeStatus, 'features' | 'runtimeHandlers'> {
  if (runtime === undefined) return {};
  const { handlers, supplementalGroupsPolicy } = runtime;
  return {
    ...(supplementalGroupsPolicy === undefined ? {} : { features: { supplementalGroupsPolicy } }),
    runtimeHandlers: handlers.map(({ name, ...features }) => ({ name, features })),
  };
}

function addresses({ ips, name }: NodeIdentity): readonly NodeAddress[] {
  return [...ips.map(address => ({ type: 'InternalIP' as const, address })), { type: 'Hostname', address: name }];
}

/** The largest images of the runtime, with their names: digests first, as upstream tells them. Pure. */
export function containerImages(images: readonly Image[]): readonly ContainerImage[] {
  return [...images]
    .sort((a, b) => (a.size === b.size ? (a.id < b.id ? -1 : 1) : a.size > b.size ? -1 : 1))
    .slice(0, MAX_IMAGES)
    .map(({ repoDigests, repoTags, size }) => ({
      names: [...repoDigests, ...repoTags].slice(0, MAX_NAMES),
      sizeBytes: Number(size),
    }));
}
