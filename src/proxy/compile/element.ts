/** An element of a set, or of a map where it has a value. Keys and values are nft's text. */
export interface Element {
  readonly container: string;
  readonly key: string;
  readonly value?: string;
}

/** Whose list of endpoints it is: that of an address or of a node port, for all traffic or for what stays on this node. */
export type Scope = 'service' | 'service-local' | 'node-port' | 'node-port-local';

export const SCOPES: readonly Scope[] = ['service', 'service-local', 'node-port', 'node-port-local'];
