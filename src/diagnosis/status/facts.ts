import type { ServiceStatus } from '../../bootstrap/services.ts';
import type { SilentEndpoint } from '../../bootstrap/silent-endpoint.ts';
import type { SilentPlace } from '../reach/reach.ts';

/** What a part of the node answered, or why there is no answer. */
export type Answer<T> = ({ readonly answered: true } & T) | { readonly answered: false; readonly because: string };

/** A daemon of this machine. */
export interface DaemonFacts {
  /** Of its unit: `gantry-node`. */
  readonly name: string;
  readonly status: Answer<ServiceStatus>;
  /** Bytes that its main process has in memory. */
  readonly memoryBytes: number | undefined;
  /** The end of its log; undefined while it runs. */
  readonly lastLog: string | undefined;
}

/** The answer of a health endpoint. */
export interface HealthFacts {
  readonly healthy: boolean;
  /** Names of the checks that failed, with their reasons where those are told. */
  readonly failed: readonly string[];
}

export interface ApiServerFacts extends HealthFacts {
  readonly server: string;
  /** gitVersion; undefined where it tells none. */
  readonly version: string | undefined;
}

/** A condition of a node, as the API has it. */
export interface ConditionFacts {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly since: string | undefined;
}

export interface NodeObjectFacts {
  readonly conditions: readonly ConditionFacts[];
  readonly unschedulable: boolean;
  /** `key=value:effect`. */
  readonly taints: readonly string[];
  readonly kubeletVersion: string | undefined;
}

export interface RuntimeFacts {
  readonly endpoint: string;
  readonly name: string;
  readonly version: string;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: boolean;
    readonly reason: string;
    readonly message: string;
  }[];
  /** `crun 1.8.1`; undefined where the runtime does not tell its own. */
  readonly ociRuntime: string | undefined;
}

export interface ProxyFacts extends HealthFacts {
  readonly mode: string | undefined;
}

export interface EtcdMemberFacts {
  readonly id: string;
  readonly name: string;
  readonly isLearner: boolean;
  readonly status: Answer<{
    readonly version: string;
    readonly isLeader: boolean;
    /** False where it knows of no leader: it takes no writes then. */
    readonly hasLeader: boolean;
    readonly dbBytes: number;
    readonly dbBytesInUse: number;
    readonly errors: readonly string[];
  }>;
}

export interface EtcdFacts {
  readonly members: readonly EtcdMemberFacts[];
  readonly alarms: readonly { readonly member: string; readonly alarm: string }[];
}

export interface CertificateFacts {
  /** kubeadm's, as in `gantry certs check-expiration`. */
  readonly name: string;
  readonly state: 'present' | 'missing' | 'unreadable' | 'unanswered';
  /** Ms since the epoch; undefined unless it is present. */
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
  /** Who renews it: the control plane or the kubelet by themselves; nobody does a CA, and nobody here what a CA without its key has signed. */
  readonly renewedBy: 'control-plane' | 'kubelet' | 'nobody';
  readonly isAuthority: boolean;
  /** Why it cannot be read, or which place does not answer. */
  readonly because?: string;
}

/** A file system that the node writes to. */
export interface DiskFacts {
  readonly path: string;
  readonly status: Answer<{
    readonly bytes: number;
    readonly freeBytes: number;
    readonly inodes: number;
    readonly freeInodes: number;
  }>;
  /** Shares of 1 below which there is too little free. */
  readonly leastFree: number;
  readonly leastFreeInodes: number;
}

export interface MemoryFacts {
  readonly bytes: number;
  readonly availableBytes: number;
  /** Below which there is too little. */
  readonly leastBytes: number;
  /** Per cent of the last minute in which some process waited for memory; undefined where the kernel does not count it. */
  readonly stalledPercent: number | undefined;
}

/** All that `gantry status` knows of this machine. */
export interface StatusFacts {
  /** Ms since the epoch, of this machine's clock. */
  readonly now: number;
  readonly nodeName: string;
  readonly role: 'control-plane' | 'node';
  /** Who keeps its daemons running. */
  readonly keeper: 'systemd' | 'host' | 'nobody';
  /** Directories that do not answer: what is below them is not known. */
  readonly silentPlaces: readonly SilentPlace[];
  readonly daemons: readonly DaemonFacts[];
  /** Undefined where its configuration has no port for it. */
  readonly kubelet: Answer<HealthFacts> | undefined;
  readonly node: Answer<NodeObjectFacts>;
  readonly runtime: Answer<RuntimeFacts>;
  /** Undefined where none runs here. */
  readonly proxy: Answer<ProxyFacts> | undefined;
  readonly apiServer: Answer<ApiServerFacts>;
  /** The cluster's endpoint, where that gives no answer and the API server of this machine does. */
  readonly silentEndpoint?: SilentEndpoint;
  /** Undefined where this machine has no etcd of its own. */
  readonly etcd: Answer<EtcdFacts> | undefined;
  readonly certificates: readonly CertificateFacts[];
  readonly disks: readonly DiskFacts[];
  readonly memory: MemoryFacts;
  readonly versions: {
    readonly gantry: string;
    readonly nodejs: string;
    readonly kernel: string;
    readonly operatingSystem: string;
  };
}
