import type { Files } from '../files.ts';
import type { Services } from '../services.ts';
import type { Configured } from './elsewhere/look.ts';
import type { ProxyTraces, ResetNames } from './plan.ts';

/** What the phases of `reset` work with. */
export interface ResetContext {
  readonly files: Files;
  readonly names: ResetNames;
  readonly services: Services | undefined;
  /** `unix:///path` of the container runtime; undefined for that which is configured. */
  readonly runtimeEndpoint: string | undefined;
  /** Where the parts of this node were told to have their things. */
  readonly readConfigured: () => Promise<Configured>;
  readonly dryRun: boolean;
  /** No question is asked. */
  readonly force: boolean;
  readonly cleanupTmpDir: boolean;
  /** Home directories of those who administer this machine: their kubeconfigs are named. */
  readonly homes: readonly string[];
  /** The Node object goes too, by way of this kubeconfig, where its name is known; undefined to leave it. */
  readonly nodeObject: { readonly name: string | undefined; readonly kubeconfig: string } | undefined;
  readonly ignoredChecks: readonly string[];
  readonly isRoot: boolean;
  /** Asks a person; false for anything but yes. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** What proxies in other modes than nftables have left in the kernel. */
  readonly readProxyTraces: () => Promise<ProxyTraces>;
  readonly removeProxyRules: () => Promise<void>;
}
