import { fileURLToPath } from 'node:url';
import { ForksPoolWorker } from 'vitest/node';

/** Runs each test file in a network and mount namespace of its own, so that files that change links, rules and /run go side by side. */
export const ownNamespaces = {
  name: 'own-namespaces',
  createPoolWorker: (options: ConstructorParameters<typeof ForksPoolWorker>[0]) =>
    new NamespacedWorker({ ...options, env: { ...options.env, GANTRY_TEST_NODE: process.execPath } }),
};

const LAUNCHER = fileURLToPath(new URL('own-namespaces.sh', import.meta.url));

class NamespacedWorker extends ForksPoolWorker {
  override async start(): Promise<void> {
    const node = process.execPath;
    // fork() runs what stands there, and is called before the first wait
    process.execPath = LAUNCHER;
    const started = super.start();
    process.execPath = node;
    await started;
  }
}
