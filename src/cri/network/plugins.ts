import { GantryBridge } from '../../cni/bridge/plugin.ts';
import { loopbackPlugin } from '../../cni/loopback/plugin.ts';
import type { CniPlugin } from '../../cni/protocol/plugin.ts';
import type { Logger } from '../../daemon/logger.ts';
import { bootId } from '../../linux/procfs.ts';
import type { CriConfig } from '../config.ts';
import { ExecPlugin } from './exec-plugin.ts';

export const GANTRY_BRIDGE = 'gantry-bridge';

/** Plugins by type: our own in this process, every other as a binary. */
export class Plugins {
  readonly #binDirs: readonly string[];
  readonly #bridge: GantryBridge;
  readonly #own: ReadonlyMap<string, CniPlugin>;

  constructor(config: CriConfig['cni'], log: Logger) {
    this.#binDirs = config.binDirs;
    this.#bridge = new GantryBridge({
      journalDir: config.journalDir,
      bootId: bootId(),
      warn: (message, error) => log.warn({ err: error }, message),
    });
    this.#own = new Map<string, CniPlugin>([
      [GANTRY_BRIDGE, this.#bridge],
      ['loopback', loopbackPlugin],
    ]);
  }

  isOwn(type: string): boolean {
    return this.#own.has(type);
  }

  get(type: string): CniPlugin {
    return this.#own.get(type) ?? new ExecPlugin(type, this.#binDirs);
  }

  /** Gives up what our own plugins hold for containers that are not in `keep`. */
  async prune(keep: ReadonlySet<string>): Promise<void> {
    await this.#bridge.prune(keep);
  }

  close(): void {
    this.#bridge.close();
  }
}
