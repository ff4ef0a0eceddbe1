import type { Node } from '../api/types/gen/core-v1.ts';
import { NodeInfo } from './node-info.ts';
import type { NodePicture } from './picture.ts';
import type { PodInfo } from './pod-info.ts';

interface Placed {
  readonly info: PodInfo;
  readonly node: string;
  /** True until the API server shows the pod on its node. */
  readonly isAssumed: boolean;
}

const ZONE = 'topology.kubernetes.io/zone';
const REGION = 'topology.kubernetes.io/region';

/**
 * Nodes with the pods on them, changed step by step as the API server tells of changes. A pod that was given a node counts from then on (it is assumed),
 * long before the server shows it there.
 */
export class Cluster implements NodePicture {
  readonly #infos = new Map<string, NodeInfo>();
  readonly #placed = new Map<string, Placed>();
  readonly #withAffinity = new Set<NodeInfo>();
  readonly #withAntiAffinity = new Set<NodeInfo>();
  readonly #claimUsers = new Map<string, number>();
  readonly #imageNodes = new Map<string, number>();
  #inTurn: readonly NodeInfo[] | undefined;

  get nodes(): readonly NodeInfo[] {
    this.#inTurn ??= zonesInTurn([...this.#infos.values()].filter(info => info.node !== undefined));
    return this.#inTurn;
  }

  get nodesWithAffinity(): ReadonlySet<NodeInfo> {
    return this.#withAffinity;
  }

  get nodesWithAntiAffinity(): ReadonlySet<NodeInfo> {
    return this.#withAntiAffinity;
  }

  node(name: string): NodeInfo | undefined {
    const info = this.#infos.get(name);
    return info?.node === undefined ? undefined : info;
  }

  claimUsers(namespace: string, claim: string): number {
    return this.#claimUsers.get(`${namespace}/${claim}`) ?? 0;
  }

  imageNodes(name: string): number {
    return this.#imageNodes.get(name) ?? 0;
  }

  setNode(node: Node): void {
    const info = this.#infoOf(node.metadata.name ?? '');
    const zone = info.node === undefined ? undefined : zoneOf(info);
    this.#countImages(info, -1);
    info.setNode(node);
    this.#countImages(info, 1);
    if (zone !== zoneOf(info)) this.#inTurn = undefined;
    this.#index(info);
  }

  /** Pods that are still on it are kept for the case that it comes back. */
  removeNode(name: string): void {
    const info = this.#infos.get(name);
    if (info?.node === undefined) return;
    this.#countImages(info, -1);
    info.setNode(undefined);
    this.#inTurn = undefined;
    this.#index(info);
  }

  /** A pod as the API server shows it on its node. Replaces what was assumed of it. */
  confirm(pod: PodInfo): void {
    this.#put(pod, pod.pod.spec.nodeName ?? '', false);
  }

  /** A pod that is about to be bound to a node. */
  assume(pod: PodInfo, node: string): void {
    this.#put(pod, node, true);
  }

  isAssumed(uid: string): boolean {
    return this.#placed.get(uid)?.isAssumed ?? false;
  }

  /** True if a pod has a node, or is about to. */
  has(uid: string): boolean {
    return this.#placed.has(uid);
  }

  /** The pod is gone, or needs nothing any more. Safe to repeat. */
  remove(uid: string): void {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return;
    this.#placed.delete(uid);
    this.#countClaims(placed.info, -1);
    const info = this.#infoOf(placed.node);
    info.remove(uid);
    this.#index(info);
  }

  #put(pod: PodInfo, node: string, isAssumed: boolean): void {
    const known = this.#placed.get(pod.uid);
    // what the server has confirmed is not assumed any more
    if (isAssumed && known?.isAssumed === false) return;
    this.remove(pod.uid);
    this.#placed.set(pod.uid, { info: pod, node, isAssumed });
    this.#countClaims(pod, 1);
    const info = this.#infoOf(node);
    info.add(pod);
    this.#index(info);
  }

  #infoOf(name: string): NodeInfo {
    const known = this.#infos.get(name);
    if (known !== undefined) return known;
    const info = new NodeInfo(name);
    this.#infos.set(name, info);
    return info;
  }

  #index(info: NodeInfo): void {
    const isThere = info.node !== undefined;
    keep(this.#withAffinity, info, isThere && info.withAffinity.size > 0);
    keep(this.#withAntiAffinity, info, isThere && info.withRequiredAntiAffinity.size > 0);
    if (!isThere && info.pods.size === 0) this.#infos.delete(info.name);
  }

  #countClaims({ namespace, claims }: PodInfo, sign: 1 | -1): void {
    for (const claim of claims) count(this.#claimUsers, `${namespace}/${claim}`, sign);
  }

  #countImages({ images }: NodeInfo, sign: 1 | -1): void {
    for (const name of images.keys()) count(this.#imageNodes, name, sign);
  }
}

function keep<T>(set: Set<T>, value: T, isIn: boolean): void {
  if (isIn) set.add(value);
  else set.delete(value);
}

function count(counts: Map<string, number>, key: string, sign: 1 | -1): void {
  const value = (counts.get(key) ?? 0) + sign;
  if (value > 0) counts.set(key, value);
  else counts.delete(key);
}

function zoneOf(info: NodeInfo): string {
  return `${info.label(REGION) ?? ''}:${info.label(ZONE) ?? ''}`;
}

/** One node of each zone, then the next of each: a search that ends early has seen all zones. */
function zonesInTurn(infos: readonly NodeInfo[]): readonly NodeInfo[] {
  const byZone = new Map<string, NodeInfo[]>();
  for (const info of infos) {
    const zone = byZone.get(zoneOf(info));
    if (zone === undefined) byZone.set(zoneOf(info), [info]);
    else zone.push(info);
  }
  if (byZone.size < 2) return infos;
  const zones = [...byZone.values()];
  const longest = Math.max(...zones.map(zone => zone.length));
  return Array.from({ length: longest }, (_, i) => zones.map(zone => zone[i]))
    .flat()
    .filter(info => info !== undefined);
}
