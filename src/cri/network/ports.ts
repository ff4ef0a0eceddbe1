/** What the runtime service needs of the pod network; CNI stands behind it. */

export interface NetworkAttachment {
  readonly sandboxId: string;
  /** Path of the bound network namespace. */
  readonly netnsPath: string;
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string };
  /** Empty where the pod has none of its own. */
  readonly hostname: string;
  /** The sandbox's annotations (bandwidth limits are read from them). */
  readonly annotations: Readonly<Record<string, string>>;
  readonly portMappings: readonly {
    readonly protocol: 'tcp' | 'udp' | 'sctp';
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
  }[];
  readonly dns: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  readonly cgroupParent: string;
}

export type NetworkReadiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: 'NetworkPluginNotReady'; readonly message: string };

export interface PodNetwork {
  /** Whether `add` can work now. Cheap: asked with every Status call. */
  readiness(): NetworkReadiness;
  /**
   * Connects the namespace: loopback up, eth0 with its addresses. Returns the pod's IPs, first the primary one. After a throw nothing is left
   * (DEL was run).
   */
  add(attachment: NetworkAttachment, signal?: AbortSignal): Promise<readonly string[]>;
  /** Disconnects. Safe to repeat, and with a namespace that is gone. Resolves when addresses may no longer be used by the pod. */
  remove(attachment: NetworkAttachment, signal?: AbortSignal): Promise<void>;
  /**
   * Forgets attachments of sandboxes that are not among those attached: DEL for each cached one, which holds up that sandbox alone; then, once nothing else is at work, GC by the
   * plugins, which holds up every other operation, for ten seconds at most. What fails or is late is tried again by the next call. One that comes while another is at work gets that
   * one's end. Rejects with the signal's reason, at once.
   */
  prune(attached: () => ReadonlySet<string>, signal?: AbortSignal): Promise<void>;
  /** Takes up the configuration pushed by UpdateRuntimeConfig. */
  setPodCidr(cidr: string): void;
}
