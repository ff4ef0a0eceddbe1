import type { ApiEndpoint } from '../../client/kubeconfig.ts';
import type { NodeIdentity } from '../daemons/node.ts';
import type { TokenDiscovery } from '../discovery/token.ts';
import type { Files } from '../files.ts';
import type { SocketNeed } from '../preflight/sockets.ts';
import type { Services } from '../services.ts';

/** What `join` is told. */
export interface JoinSettings {
  /** How to find the cluster and know it. */
  readonly discovery: TokenDiscovery | { readonly file: string };
  /** By which the kubelet asks for its certificate; undefined: what the discovery file has. */
  readonly tlsBootstrapToken: string | undefined;
  readonly node: NodeIdentity;
  readonly timeouts: {
    readonly discoveryMs: number;
    readonly tlsBootstrapMs: number;
    readonly kubeletMs: number;
    readonly apiCallMs: number;
  };
}

/** The cluster as it was found, and what to ask it with. */
export type FoundCluster = Pick<ApiEndpoint, 'server' | 'certificate' | 'token'> & { readonly ca: string };

/** What every phase of `join` is given. */
export interface JoinContext {
  readonly settings: JoinSettings;
  readonly files: Files;
  readonly services: Services | undefined;
  /** How this program is called: the beginning of the command lines of its daemons. */
  readonly gantry: readonly string[];
  /** Where the container runtime of this machine serves besides its socket, by its own configuration. */
  readonly runtimeSockets: readonly SocketNeed[];
  readonly ignoredChecks: readonly string[];
  /** In a host of a local cluster, whose disk and swap are the machine's. */
  readonly insideHost: boolean;
  /** Nothing is changed: what would be is told. */
  readonly dryRun: boolean;
  /** What one phase has found, for those after it. */
  readonly found: {
    cluster?: FoundCluster /** Preflight, or it was left out of the whole command. */;
    hasPassed?: boolean;
  };
  readonly print: (text: string) => void;
}
