import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../src/base/clock.ts';
import { randomHex } from '../../src/base/hash.ts';
import { AddressJournal } from '../../src/cni/journal/journal.ts';
import type { CriConfig } from '../../src/cri/config.ts';
import { openPodNetwork } from '../../src/cri/network/pod-network.ts';
import type { NetworkAttachment, PodNetwork } from '../../src/cri/network/ports.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { bootId } from '../../src/linux/procfs.ts';
import { runDirectory } from './run-id.ts';

/** Where Debian's containernetworking-plugins puts its binaries. */
export const REFERENCE_BIN_DIR = '/usr/lib/cni';

/** A pod network with its own directories, constructed in the thread's present network namespace. */
export interface CniNetwork {
  readonly config: CriConfig['cni'];
  readonly network: PodNetwork & { close(): Promise<void> };
  /** Containers with an entry in the address journal of network `pods`. */
  holders(): string[];
  /** Names of libcni's cached results. */
  cached(): string[];
  /** Puts an executable plugin of the test's own first in the plugin path. */
  writePlugin(type: string, script: string): void;
  /** Closes the network and removes its directories. */
  dispose(): Promise<void>;
}

/** Writes the conflist (plugins of the network `pods`, with more fields where some are given) and opens the network. */
export function openCniNetwork(
  plugins: readonly object[],
  cniVersion = '1.1.0',
  { clock, list = {} }: { readonly clock?: Clock; readonly list?: object } = {},
): CniNetwork {
  const root = runDirectory('cni');
  const config = {
    confDir: `${root}/net.d`,
    binDirs: [`${root}/bin`, REFERENCE_BIN_DIR],
    cacheDir: `${root}/cache`,
    journalDir: `${root}/journal`,
  };
  mkdirSync(config.confDir, { recursive: true });
  writeFileSync(`${config.confDir}/10-pods.conflist`, JSON.stringify({ cniVersion, name: 'pods', plugins, ...list }));
  const network = openPodNetwork(config, createLogger({ daemon: 'cni-test', level: 'error' }), {
    ...(clock === undefined ? {} : { clock }),
  });
  return {
    config,
    network,
    holders() {
      const journal = AddressJournal.open(config.journalDir, 'pods', bootId());
      try {
        return journal.transaction(({ state }) => [...state.entries.values()].map(entry => entry.containerId));
      } finally {
        journal.close();
      }
    },
    cached() {
      mkdirSync(`${config.cacheDir}/results`, { recursive: true });
      return readdirSync(`${config.cacheDir}/results`);
    },
    writePlugin(type, script) {
      mkdirSync(`${root}/bin`, { recursive: true });
      writeFileSync(`${root}/bin/${type}`, script, { mode: 0o755 });
    },
    async dispose() {
      await network.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** An attachment of a sandbox with a random id. */
export function attachmentOf(netnsPath: string, more: Partial<NetworkAttachment> = {}): NetworkAttachment {
  return {
    sandboxId: randomHex(32),
    netnsPath,
    pod: { name: 'pod', namespace: 'default', uid: randomHex(16) },
    hostname: 'pod-host',
    annotations: {},
    portMappings: [],
    dns: { servers: [], searches: [], options: [] },
    cgroupParent: '',
    ...more,
  };
}
