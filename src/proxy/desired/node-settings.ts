import type { IpFamily } from '../../base/cidr.ts';

/** How to tell what comes from pods of this node, in one family. */
export type LocalPods =
  | { readonly kind: 'cidrs'; readonly cidrs: readonly string[] }
  /** A link's name; one that ends with `*` stands for all that begin so. */
  | { readonly kind: 'link'; readonly name: string };

/** What the rules of a family depend on beside services: the node's own, the same for every mode. */
export interface NodeSettings {
  readonly family: IpFamily;
  /** The bit of the packet mark that means masquerade, 0 to 31. */
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  /** Undefined where nobody knows who is a pod. */
  readonly localPods: LocalPods | undefined;
  /** Node ports are answered on every address of the machine, or on these. */
  readonly nodePorts: 'everywhere' | readonly string[];
  /** Node ports are answered on 127.0.0.0/8 too. */
  readonly localhostNodePorts: boolean;
  /** The networks that cluster IPs come from, none inside another. */
  readonly serviceCidrs: readonly string[];
  /** The node's addresses of the family. */
  readonly nodeIps: readonly string[];
  /** IPVS mode: the machine's own addresses of the family, without those of services. Others need none, and have none here. */
  readonly machineIps: readonly string[];
}
