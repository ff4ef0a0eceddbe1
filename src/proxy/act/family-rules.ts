import type { CompiledService } from '../compile/compiled-service.ts';
import type { NodeSettings } from '../desired/node-settings.ts';

/** What a call of `apply` did. */
export type Applied = 'nothing' | 'changes' | 'everything';

/** The rules of one mode in one family: what shall stand in the kernel, and what has been told to it. */
export interface FamilyRules {
  /** What the node's own rules depend on, from now on. Comes before services are told. */
  setNode(settings: NodeSettings): void;
  /** What a service (`namespace/name`) is from now on; the kernel is told by `apply`. */
  update(key: string, service: CompiledService): void;
  /** The kernel may have something else than was told to it. */
  distrust(): void;
  /** Tells the kernel what it does not have. Throws where it refuses; the next call then tells everything. */
  apply(signal?: AbortSignal): Promise<Applied>;
}
