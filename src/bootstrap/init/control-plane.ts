import { dirname } from 'node:path';
import { formatDuration } from '../../api/duration.ts';
import { failedPrecondition } from '../../base/errors.ts';
import { realPlace } from '../../linux/real-place.ts';
import { controlPlaneUnit } from '../daemons/plan.ts';
import { adminBinding, networkRules } from '../objects/plan.ts';
import type { Say } from '../phases.ts';
import { serviceState } from '../service-state.ts';
import { CONTROL_PLANE_SERVICE } from '../services.ts';
import { apiServerUrl } from '../settings.ts';
import { waitUntil } from '../wait.ts';
import { ensureObjects, type InitContext, servicesOf, withConnection } from './context.ts';

/** Starts API server, controllers and scheduler, and waits for nothing. Safe to repeat. */
export async function startControlPlane(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, disk, gantry } = context;
  // its unit may write to the first, to renew the kubelet's certificate, and may not write to the second, only if they are there when it starts
  disk.makeDirectory(dirname(files.kubeletClientPem), 0o700);
  disk.makeDirectory(files.manifestsDir, 0o700);
  say('Starting the API server and the controllers');
  await servicesOf(context).start(controlPlaneUnit(settings, files, gantry, realPlace), signal);
}

/** Waits until the API server is ready, and gives admin.conf its rights, and the network of nodes. */
export async function waitForControlPlane(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { files, settings, clock, dryRun } = context;
  const { controlPlaneMs } = settings.patience;
  const services = servicesOf(context);
  const server = apiServerUrl(settings);
  const most = formatDuration(BigInt(Math.round(controlPlaneMs)) * 1_000_000n);
  say(`Waiting for the API server at ${server}/readyz. This can take up to ${most}`);
  if (dryRun) {
    await ensureObjects(context, [adminBinding(), ...networkRules()], signal);
    return;
  }
  const started = clock.monotonic();
  await withConnection(context, files.superAdminConf, connection =>
    waitUntil(
      {
        what: `the API server to be ready at ${server}`,
        timeoutMs: controlPlaneMs,
        pauseMs: 50,
        signal,
        ...(settings.cluster.etcd.kind === 'local' ? { needsRoom: { directory: files.etcdDataDir } } : {}),
        hint: () => serviceState(services, CONTROL_PLANE_SERVICE),
      },
      async looking => {
        const { status, body } = await connection.call({
          method: 'GET',
          path: '/readyz',
          signal: looking,
          timeoutMs: 5000,
        });
        if (status !== 200) throw failedPrecondition(`/readyz answers ${status}: ${body.toString('utf8', 0, 300)}`);
      },
    ),
  );
  say(`The API server is ready after ${((clock.monotonic() - started) / 1000).toFixed(1)} s`);
  // admin.conf has its rights by a binding; that is made by super-admin.conf, which needs none
  await ensureObjects(context, [adminBinding(), ...networkRules()], signal, files.superAdminConf);
}
