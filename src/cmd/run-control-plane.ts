import { hostname } from 'node:os';
import type { Event } from '../api/types/gen/core-v1.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { renewDueCertificates } from '../bootstrap/certificates/renewal/renew-due.ts';
import { ApiConnection } from '../client/connection.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { ResourceClient } from '../client/resource-client.ts';
import type { Component } from '../daemon/component.ts';
import { createLogger, type Logger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry, type Registry } from '../daemon/metrics.ts';
import { runAgain } from '../daemon/run-again.ts';
import { within } from '../daemon/within.ts';
import { directoryAnswers } from '../linux/directory-answers.ts';
import { certificateRenewal, tellRenewals } from './certificate-renewal.ts';
import { kubeconfigCertificate } from './client-certificate.ts';
import { keptCertificates } from './kept-certificates.ts';
import { lifeFlag } from './life-flag.ts';
import { type ApiServerFlags, openApiServer } from './run-apiserver.ts';
import { type ControllerManagerFlags, openControllerManager } from './run-controller-manager.ts';
import { openScheduler } from './run-scheduler.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry run control-plane`: those of its parts, where several parts have one of the same name under names of their own. */
export interface ControlPlaneFlags
  extends ApiServerFlags,
    Omit<ControllerManagerFlags, 'kubeconfig' | 'serviceClusterIpRange'> {
  readonly controllerManagerKubeconfig: string;
  readonly schedulerKubeconfig: string;
  readonly schedulerHealthzPort: string;
  readonly renewCertificates?: boolean;
  readonly certificateValidityPeriod: string;
  readonly nodeName?: string;
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
    const renewal = await renewalOf(flags, registry, log.child({ part: 'certificates' }));
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
      ...renewal.components,
    ];
    try {
      return await mainLoop([...within(server.components, kept), loopLag(registry)], log);
    } finally {
      scheduler.close();
      manager.close();
      server.close();
      renewal.close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}

/** As a reset waits for a disk. */
const ANSWER_PATIENCE_MS = 3000;

/** What is over, or due, is renewed before anything is read: a machine may have been off for longer than its certificates hold. From then on while the process runs. */
async function renewalOf(
  flags: ControlPlaneFlags,
  registry: Registry,
  log: Logger,
): Promise<{ readonly components: readonly Component[]; close(): void }> {
  if (flags.renewCertificates !== true) return { components: [], close: () => {} };
  const { files, others } = keptCertificates(flags);
  const lifeMs = lifeFlag(flags.certificateValidityPeriod);
  const answers = (directory: string): Promise<boolean> =>
    directoryAnswers(directory, ANSWER_PATIENCE_MS, new AbortController().signal);
  tellRenewals(await renewDueCertificates(files, { now: systemClock.now(), lifeMs, answers }), log);
  const kubeconfig = flags.controllerManagerKubeconfig;
  const connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: `gantry-certificates/${VERSION}` });
  const nodeName = (flags.nodeName ?? hostname()).toLowerCase();
  const events = new EventRecorder({
    events: new ResourceClient<Event>(connection, { group: '', version: 'v1', plural: 'events' }),
    component: 'certificate-renewal',
    host: nodeName,
    clock: systemClock,
    random: Math.random,
    onTrouble: because => log.debug({ because }, 'an event was not written'),
  });
  const common = { clock: systemClock, log };
  const component = certificateRenewal({ files, others, lifeMs, answers, events, nodeName, registry, ...common });
  return {
    components: [component, ...kubeconfigCertificate(kubeconfig, connection, common)],
    close: () => connection.close(),
  };
}
