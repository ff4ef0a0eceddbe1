import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage } from '../base/errors.ts';
import { GantryBridge } from '../cni/bridge/plugin.ts';
import { loopbackPlugin } from '../cni/loopback/plugin.ts';
import { type LauncherServer, serveLaunchers } from '../cni/socket/serve-launchers.ts';
import type { CriConfig } from '../cri/config.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { holdLockFile } from '../linux/lock-file.ts';
import { bootId } from '../linux/procfs.ts';
import { OTHER_RUNTIMES } from './cni.ts';

/** Beside the socket of the shim; the launchers look at /run/gantry/cni.sock. */
export function cniSocketPath(config: Pick<CriConfig, 'socket'>): string {
  return join(dirname(config.socket), 'cni.sock');
}

/**
 * Serves the launchers of our CNI plugins, which other runtimes execute, in this process: a call costs no start of Node. One process of a machine does; where this one cannot, that is
 * said and nothing else of it suffers, for launchers that find nobody do their calls alone.
 */
export function cniSocket(path: string, journalDir: string, log: Logger): Component {
  return {
    name: 'cni-socket',
    async run(signal, ready) {
      const bridge = new GantryBridge({
        journalDir,
        bootId: bootId(),
        runner: OTHER_RUNTIMES,
        warn: (message, error) => log.warn({ err: error }, message),
      });
      const plugins = new Map([
        ['gantry-bridge', bridge],
        ['loopback', loopbackPlugin],
      ]);
      let server: LauncherServer | undefined;
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        holdLockFile(`${path}.lock`, `the socket ${path}`);
        server = await serveLaunchers(path, name => plugins.get(name));
        log.debug({ socket: path }, 'serving CNI launchers');
      } catch (error) {
        log.warn({ socket: path }, `CNI launchers are not served from here: ${errorMessage(error)}`);
      }
      ready();
      if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
      await server?.close();
      await bridge.settle();
      bridge.close();
    },
  };
}
