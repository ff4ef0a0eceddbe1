import { systemClock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import type { Component } from '../daemon/component.ts';
import { createLogger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry } from '../daemon/metrics.ts';
import { runAgain } from '../daemon/run-again.ts';
import { within } from '../daemon/within.ts';
import { type ApiServerFlags, openApiServer } from './run-apiserver.ts';
import { type ControllerManagerFlags, openControllerManager } from './run-controller-manager.ts';
import { openScheduler } from './run-scheduler.ts';

/** Flags of `gantry run control-plane`: those of its parts, where several parts have one of the same name under names of their own. */
export interface ControlPlaneFlags
  extends ApiServerFlags,
    Omit<ControllerManagerFlags, 'kubeconfig' | 'serviceClusterIpRange'> {
  readonly controllerManagerKubeconfig: string;
  readonly schedulerKubeconfig: string;
  readonly schedulerHealthzPort: string;
}

/**
 * `gantry run control-plane`: the API server and what works through it, in one process. Returns the exit code. Controllers and scheduler may lose their
 * leases without the API server's going with them: they begin again. They begin when it serves, and at a stop they
 * end before it does: they give their leases back, so that the next ones work at once.
 */
export async function runControlPlane(flags: ControlPlaneFlags): Promise<number> {
  const log = createLogger({ daemon: 'control-plane' });
  try {
    const registry = createRegistry();
    const server = await openApiServer(flags, registry, log.child({ part: 'apiserver' }));
    const managerLog = log.child({ part: 'controller-manager' });
    const schedulerLog = log.child({ part: 'scheduler' });
    const manager = openControllerManager(
      { ...flags, kubeconfig: flags.controllerManagerKubeconfig },
      registry,
      managerLog,
    );
    const scheduler = openScheduler(
      {
        kubeconfig: flags.schedulerKubeconfig,
        leaderElect: flags.leaderElect,
        leaderElectLivesDir: flags.leaderElectLivesDir,
        healthzPort: flags.schedulerHealthzPort,
      },
      registry,
      schedulerLog,
    );
    const kept: readonly Component[] = [
      ...manager.components.map(component => runAgain(component, { clock: systemClock, log: managerLog })),
      ...scheduler.components.map(component => runAgain(component, { clock: systemClock, log: schedulerLog })),
    ];
    try {
      return await mainLoop([...within(server.components, kept), loopLag(registry)], log);
    } finally {
      scheduler.close();
      manager.close();
      server.close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}
