import { systemClock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import type { Component } from '../daemon/component.ts';
import { healthServer } from '../daemon/health-server.ts';
import { createLogger, type Logger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry, type Registry } from '../daemon/metrics.ts';
import { SCHEDULER_LEASE, schedulerComponent } from '../scheduler/scheduler-component.ts';
import { candidateLives } from './candidate-lives.ts';
import { kubeconfigCertificate } from './client-certificate.ts';
import { booleanFlag, portFlag } from './flag-values.ts';
import { selfSignedForLoopback } from './self-signed.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry run scheduler`, named as upstream's. */
export interface SchedulerFlags {
  readonly kubeconfig: string;
  readonly leaderElect: string;
  readonly leaderElectLivesDir: string;
  readonly healthzPort: string;
}

/** `gantry run scheduler`. Returns the exit code. */
export async function runScheduler(flags: SchedulerFlags): Promise<number> {
  const log = createLogger({ daemon: 'scheduler' });
  try {
    const registry = createRegistry();
    const { components, close } = openScheduler(flags, registry, log);
    try {
      return await mainLoop([...components, loopLag(registry)], log);
    } finally {
      close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}

/** What a scheduler consists of; `close` lets go of what is open beside them once they have ended. */
export function openScheduler(
  flags: SchedulerFlags,
  registry: Registry,
  log: Logger,
): { readonly components: readonly Component[]; close(): void } {
  const leaderElect = booleanFlag(flags.leaderElect, '--leader-elect');
  const port = portFlag(flags.healthzPort, '--healthz-port');
  const connection = new ApiConnection(readKubeconfig(flags.kubeconfig), { userAgent: `gantry-scheduler/${VERSION}` });
  const lives = candidateLives(flags.leaderElectLivesDir, SCHEDULER_LEASE);
  const scheduler = schedulerComponent({ connection, leaderElect, lives, registry, clock: systemClock, log });
  const tls = selfSignedForLoopback('kube-scheduler', systemClock.now());
  const health = healthServer({ host: '127.0.0.1', port, tls, checks: [], registry });
  const certificate = kubeconfigCertificate(flags.kubeconfig, connection, { clock: systemClock, log });
  return { components: [scheduler, health, ...certificate], close: () => connection.close() };
}
