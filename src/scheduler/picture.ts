import type { LabelSelector } from '../api/selectors/label-selector.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/types/gen/core-v1.ts';
import type { PodDisruptionBudget } from '../api/types/gen/policy-v1.ts';
import type { StorageClass } from '../api/types/gen/storage-v1.ts';
import type { NodeInfo } from './node-info.ts';

/** Nodes and the pods on them, those that are about to be bound included. It stands still while a pod is placed. */
export interface NodePicture {
  /** All nodes, those of different zones in turn. */
  readonly nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  /** Nodes with pods that have affinity or anti-affinity of any kind. */
  readonly nodesWithAffinity: ReadonlySet<NodeInfo>;
  /** Nodes with pods that have required anti-affinity. */
  readonly nodesWithAntiAffinity: ReadonlySet<NodeInfo>;
  /** How many pods on nodes use a claim. */
  claimUsers(namespace: string, claim: string): number;
  /** How many nodes have an image, by one of its names. */
  imageNodes(name: string): number;
}

/** Objects beside nodes and pods that placing a pod depends on. */
export interface ObjectPicture {
  /** Undefined where no such namespace is known. */
  namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined;
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  storageClass(name: string): StorageClass | undefined;
  /** Chooses what a pod is spread among where it does not say: the pods of its services and of what controls it. */
  spreadSelector(pod: Pod): LabelSelector | undefined;
  disruptionBudgets(namespace: string): readonly PodDisruptionBudget[];
}

/** All that a decision may look at. */
export interface Picture extends NodePicture, ObjectPicture {}

/** Both parts as one. */
export function wholePicture(nodes: NodePicture, objects: ObjectPicture): Picture {
  return {
    get nodes() {
      return nodes.nodes;
    },
    get nodesWithAffinity() {
      return nodes.nodesWithAffinity;
    },
    get nodesWithAntiAffinity() {
      return nodes.nodesWithAntiAffinity;
    },
    node: name => nodes.node(name),
    claimUsers: (namespace, claim) => nodes.claimUsers(namespace, claim),
    imageNodes: name => nodes.imageNodes(name),
    namespaceLabels: namespace => objects.namespaceLabels(namespace),
    claim: (namespace, name) => objects.claim(namespace, name),
    volume: name => objects.volume(name),
    storageClass: name => objects.storageClass(name),
    spreadSelector: pod => objects.spreadSelector(pod),
    disruptionBudgets: namespace => objects.disruptionBudgets(namespace),
  };
}
