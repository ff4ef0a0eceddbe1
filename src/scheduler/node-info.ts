import { quantityValue } from '../api/quantity.ts';
import type { Node } from '../api/types/gen/core-v1.ts';
import { PortsInUse } from './host-ports.ts';
import { hasAffinity, type PodInfo } from './pod-info.ts';
import { ResourceSum, type ResourceVector, resourceVector } from './resource-vector.ts';

const NOTHING = resourceVector({});

/** A node with the pods on it and sums over them, kept as they come and go. A copy may be changed to see what would be. */
export class NodeInfo {
  readonly name: string;
  /** Undefined where pods name a node that is not there (yet, or any more). */
  node: Node | undefined;
  allocatable: ResourceVector = NOTHING;
  allowedPods = 0;
  readonly pods = new Map<string, PodInfo>();
  readonly withAffinity = new Map<string, PodInfo>();
  readonly withRequiredAntiAffinity = new Map<string, PodInfo>();
  readonly requested: ResourceSum;
  readonly usualRequested: ResourceSum;
  readonly ports: PortsInUse;
  /** Bytes by every name of an image that is there. */
  images: ReadonlyMap<string, number> = new Map();

  constructor(name: string, requested = new ResourceSum(), usual = new ResourceSum(), ports = new PortsInUse()) {
    this.name = name;
    this.requested = requested;
    this.usualRequested = usual;
    this.ports = ports;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.node?.metadata.labels ?? {};
  }

  /** The value of a label that nodes are grouped by; undefined where it has none. */
  label(key: string): string | undefined {
    const { labels } = this;
    return Object.hasOwn(labels, key) ? labels[key] : undefined;
  }

  setNode(node: Node | undefined): void {
    this.node = node;
    const { allocatable, images = [] } = node?.status ?? {};
    this.allocatable = resourceVector(allocatable);
    this.allowedPods = quantityValue(allocatable?.['pods'] ?? '0');
    this.images = new Map(images.flatMap(({ names = [], sizeBytes = 0 }) => names.map(name => [name, sizeBytes])));
  }

  /** A pod that is there already is replaced. */
  add(pod: PodInfo): void {
    this.remove(pod.uid);
    this.pods.set(pod.uid, pod);
    if (hasAffinity(pod)) this.withAffinity.set(pod.uid, pod);
    if (pod.terms.antiAffinity.length > 0) this.withRequiredAntiAffinity.set(pod.uid, pod);
    this.#count(pod, 1);
  }

  remove(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined) return;
    this.pods.delete(uid);
    this.withAffinity.delete(uid);
    this.withRequiredAntiAffinity.delete(uid);
    this.#count(pod, -1);
  }

  copy(): NodeInfo {
    const copy = new NodeInfo(this.name, this.requested.copy(), this.usualRequested.copy(), this.ports.copy());
    copy.node = this.node;
    copy.allocatable = this.allocatable;
    copy.allowedPods = this.allowedPods;
    copy.images = this.images;
    for (const [uid, pod] of this.pods) copy.pods.set(uid, pod);
    for (const [uid, pod] of this.withAffinity) copy.withAffinity.set(uid, pod);
    for (const [uid, pod] of this.withRequiredAntiAffinity) copy.withRequiredAntiAffinity.set(uid, pod);
    return copy;
  }

  #count(pod: PodInfo, sign: 1 | -1): void {
    this.requested.add(pod.requests, sign);
    this.usualRequested.add(pod.usualRequests, sign);
    this.ports.add(pod.hostPorts, sign);
  }
}
