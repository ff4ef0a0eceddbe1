import { existsSync, readFileSync } from 'node:fs';
import { durationMs } from '../api/duration.ts';
import { parseNodeIps } from '../api/node-flags.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, failedPrecondition, invalidArgument } from '../base/errors.ts';
import type { ApiConnection } from '../client/connection.ts';
import type { Component } from '../daemon/component.ts';
import { healthServer } from '../daemon/health-server.ts';
import { createLogger, type Logger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry, Registry } from '../daemon/metrics.ts';
import { openServiceManager } from '../daemon/service-manager.ts';
import { defaultKubeletConfiguration, readKubeletConfiguration } from '../kubelet/configuration.ts';
import { certificateMetrics } from '../kubelet/credentials/certificate-metrics.ts';
import { kubelet } from '../kubelet/kubelet.ts';
import { kubeletApi } from '../kubelet/kubelet-api.ts';
import { readMachineInfo } from '../kubelet/node/machine-facts.ts';
import { readNodeAddresses } from '../kubelet/node-address.ts';
import { checkpointsDir } from '../kubelet/pod-paths.ts';
import { FirstLook } from '../kubelet/report/first-look.ts';
import { StatusStore } from '../kubelet/report/status-store.ts';
import { resolveSettings } from '../kubelet/resolve-settings.ts';
import { DriverInUse } from '../kubelet/resources/driver-in-use.ts';
import { readNodeCapacity } from '../kubelet/resources/node-capacity.ts';
import { criRuntime } from '../kubelet/runtime/cri-runtime.ts';
import { parseResolvConf } from '../kubelet/runtime/dns.ts';
import { meteredRuntime } from '../kubelet/runtime/metered-runtime.ts';
import { Checkpoints } from '../kubelet/serve/checkpoints.ts';
import { ContainerLogs } from '../kubelet/serve/logs/container-logs.ts';
import { kubeletServer } from '../kubelet/serve/server.ts';
import { SERVING_LIFE_MS } from '../kubelet/serve/serving-certificate.ts';
import { StatsAnswers } from '../kubelet/serve/stats-answers.ts';
import { KubeletStreams } from '../kubelet/serve/streams/kubelet-streams.ts';
import { StatsProvider } from '../kubelet/stats/stats-provider.ts';
import { unheededByKubelet } from '../kubelet/unheeded-fields.ts';
import { detectCgroups } from '../linux/cgroup.ts';
import { countsSwap } from '../linux/cgroup-layout.ts';
import { createCriClient } from '../rpc/cri-client.ts';
import { clientCertificateUpkeep, nodeConnection } from './kubelet-credentials.ts';
import {
  certificateDirOf,
  credentialPlaces,
  type KubeletFlags,
  nodeNameOf,
  nodeSetup,
  portOf,
} from './kubelet-flags.ts';
import { serverAccess } from './kubelet-server.ts';
import { tellUnheeded } from './tell-unheeded.ts';

/** Where our own shim listens; a configuration file names its runtime itself. */
const DEFAULT_ENDPOINT = 'unix:///run/gantry/cri.sock';
const DEFAULT_LOG_DIR = '/var/log/pods';
const LOG_LINKS = '/var/log/containers';
/** The parts beside the kubelet wait for the API server, which may be away; the pods that are here have their kubelet all the same. */
const LATE_MS = 60_000;

/** What parts of a node that run beside the kubelet are made of. */
export interface NodeBase {
  readonly connection: ApiConnection;
  readonly nodeName: string;
  /** unix:///path of the container runtime. */
  readonly endpoint: string;
  readonly log: Logger;
}

/** `gantry run kubelet`; with an API server the parts `beside` it run in the same process. Returns the exit code. */
export async function runKubelet(
  flags: KubeletFlags,
  daemon = 'kubelet',
  beside: (base: NodeBase) => readonly Component[] = () => [],
): Promise<number> {
  const log = createLogger({ daemon });
  const manager = openServiceManager();
  try {
    if (flags.standalone !== true && flags.kubeconfig === undefined)
      throw failedPrecondition('give --kubeconfig, or --standalone to run without an API server');
    if (flags.bootstrapKubeconfig !== undefined && flags.kubeconfig === undefined)
      throw invalidArgument('--bootstrap-kubeconfig needs --kubeconfig: where the credentials that it gets are to go');
    if (flags.standalone === true && flags.kubeconfig !== undefined)
      throw invalidArgument('--standalone is to run without an API server, and --kubeconfig names one');
    manager.status('starting: waiting for credentials of this node');
    const places = credentialPlaces(flags, log);
    const connection = places === undefined ? undefined : await nodeConnection(places);
    try {
      const config = flags.config === undefined ? undefined : readKubeletConfiguration(flags.config);
      if (config !== undefined) tellUnheeded(unheededByKubelet(config), log);
      const endpoint = flags.containerRuntimeEndpoint ?? config?.containerRuntimeEndpoint ?? DEFAULT_ENDPOINT;
      const base = { nodeName: nodeNameOf(flags), endpoint, log };
      const more = connection === undefined ? [] : beside({ ...base, connection });
      return await mainLoop([...kubeletComponents(flags, { config, endpoint }, connection, log), ...more], log, {
        manager,
        late: { names: more.map(({ name }) => name), afterMs: LATE_MS },
      });
    } finally {
      connection?.close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}

/** Everything that a kubelet consists of. */
function kubeletComponents(
  flags: KubeletFlags,
  {
    config,
    endpoint,
  }: { readonly config: ReturnType<typeof readKubeletConfiguration> | undefined; readonly endpoint: string },
  connection: ApiConnection | undefined,
  log: Logger,
): readonly Component[] {
  const effective = config ?? defaultKubeletConfiguration();
  if (config?.failSwapOn === true) refuseSwap();
  const podLogsDir = flags.podLogDir ?? effective.podLogsDir ?? DEFAULT_LOG_DIR;
  const cgroups = detectCgroups();
  if (cgroups.version === 1) log.warn('the node uses cgroup v1, which Kubernetes is about to leave behind');
  const settings = resolveSettings(
    config === undefined ? { ...effective, serializeImagePulls: false } : effective,
    {
      name: nodeNameOf(flags),
      ips: flags.nodeIp === undefined ? readNodeAddresses() : parseNodeIps(flags.nodeIp),
      capacity: readNodeCapacity(),
      cgroupVersion: cgroups.version,
      swap: { counted: countsSwap(cgroups), capacityBytes: readMachineInfo().swapBytes },
      resolver: readResolver(effective.resolvConf ?? '', log),
    },
    {
      rootDir: flags.rootDir,
      podLogsDir,
      containerLogLinks: podLogsDir === DEFAULT_LOG_DIR ? LOG_LINKS : undefined,
    },
  );
  const registry = createRegistry();
  const probes = new Registry();
  const requestTimeoutMs = durationMs(effective.runtimeRequestTimeout);
  const client = createCriClient(endpoint, { requestTimeoutMs });
  const imageEndpoint = flags.imageServiceEndpoint ?? effective.imageServiceEndpoint ?? '';
  const images =
    imageEndpoint === '' || imageEndpoint === endpoint ? client : createCriClient(imageEndpoint, { requestTimeoutMs });
  const runtime = meteredRuntime(criRuntime(client, images), registry);
  const statuses = new StatusStore();
  const firstLook = new FirstLook(statuses, systemClock);
  const cgroupDriver = new DriverInUse(settings.cgroupDriver);
  const manifestPath = flags.podManifestPath ?? effective.staticPodPath ?? '';
  log.info(
    {
      node: settings.nodeName,
      runtime: endpoint,
      manifests: manifestPath,
      root: settings.rootDir,
      ips: settings.hostIPs,
    },
    'starting the kubelet',
  );
  const components: Component[] = [
    kubelet({
      api: connection && kubeletApi(connection, settings.nodeName, { clock: systemClock, log }),
      node: nodeSetup(flags, effective),
      settings,
      runtime,
      cgroups: cgroupDriver,
      statuses,
      firstLook,
      manifests:
        manifestPath === '' ? undefined : { path: manifestPath, checkMs: durationMs(effective.fileCheckFrequency) },
      clock: systemClock,
      log,
      registry,
      probeRegistry: probes,
    }),
    loopLag(registry),
  ];
  const places = credentialPlaces(flags, log);
  const metrics = certificateMetrics(registry, { certificateDir: certificateDirOf(flags), clock: systemClock });
  if (connection !== undefined && places !== undefined)
    components.push(
      ...clientCertificateUpkeep(places, connection, {
        rotates: effective.rotateCertificates === true,
        onFailure: metrics.clientFailed,
      }),
    );
  if (effective.enableServer !== false) {
    const { upkeep, ...access } = serverAccess(flags, effective, {
      connection,
      nodeName: settings.nodeName,
      ips: settings.hostIPs,
      certificateDir: certificateDirOf(flags),
      servingLifeMs:
        flags.certificateValidityPeriod === undefined ? SERVING_LIFE_MS : durationMs(flags.certificateValidityPeriod),
      onRotationFailure: metrics.servingFailed,
      log,
    });
    if (access.tls !== undefined) metrics.serving(access.tls.pair);
    components.push(
      ...upkeep,
      kubeletServer({
        ...access,
        port: portOf(flags.port, effective.port ?? 10250, '--port'),
        pods: () => statuses.pods(),
        podsKnown: signal => firstLook.over(signal),
        logs: new ContainerLogs(statuses, runtime, () => systemClock.now()),
        runtime,
        streams: new KubeletStreams({ pods: () => statuses.pods(), runtime, log }),
        checkpoints: new Checkpoints({
          directory: checkpointsDir(settings),
          pods: () => statuses.pods(),
          runtime,
          clock: systemClock,
        }),
        debugging: effective.enableDebuggingHandlers !== false,
        stats: new StatsAnswers({
          provider: new StatsProvider({
            settings,
            cgroups: cgroupDriver,
            runtime,
            pods: () => statuses.pods(),
            diskFreshMs: durationMs(effective.volumeStatsAggPeriod),
            clock: systemClock,
          }),
          machine: readMachineInfo(),
          memoryBytes: settings.capacity.memoryBytes,
          probes,
          log,
        }),
        registry,
        log,
      }),
    );
  }
  const healthzPort = portOf(flags.healthzPort, effective.healthzPort ?? 0, '--healthz-port');
  if (healthzPort > 0)
    components.push(
      healthServer({
        host: effective.healthzBindAddress ?? '127.0.0.1',
        port: healthzPort,
        checks: [{ name: 'ping', check: () => undefined }],
        registry,
      }),
    );
  return components;
}

function readResolver(path: string, log: Logger): ReturnType<typeof parseResolvConf> | undefined {
  if (path === '') return undefined;
  try {
    return parseResolvConf(readFileSync(path, 'utf8'));
  } catch (error) {
    log.warn({ because: errorMessage(error) }, 'resolvConf cannot be read: pods get no resolver from the node');
    return { servers: [], searches: [], options: [] };
  }
}

/** The first line of /proc/swaps is a heading. */
function refuseSwap(): void {
  if (!existsSync('/proc/swaps')) return;
  const [device] = readFileSync('/proc/swaps', 'utf8').trim().split('\n').slice(1);
  if (device !== undefined)
    throw failedPrecondition(`swap is on (${device.split(/\s/)[0]}): switch it off, or set failSwapOn: false`);
}
