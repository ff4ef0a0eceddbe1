import { mkdirSync } from 'node:fs';
import { KeyedQueue } from '../base/keyed-queue.ts';
import { aborted, sleep } from '../base/signals.ts';
import type { Component } from '../daemon/component.ts';
import { Histogram, type Registry } from '../daemon/metrics.ts';
import { CpuRates } from '../linux/cpu-rates.ts';
import { DirectoryUsages } from '../linux/directory-usage.ts';
import { faultPoint } from '../linux/fault-point.ts';
import { ImagesService } from '../rpc/gen/gantry/images/v1/images.ts';
import { ImageServiceService, RuntimeServiceService } from '../rpc/gen/runtime/v1/services.ts';
import { serveUnix } from '../rpc/serve-unix.ts';
import { implement } from '../rpc/service.ts';
import { EventHub } from './events.ts';
import { ExitWaiters } from './exit-waiters.ts';
import { imageImportHandlers, imageServiceHandlers } from './image-service/handlers.ts';
import type { Images } from './images/image-store.ts';
import { JoinedOperations } from './joined-operations.ts';
import type { PodNetwork } from './network/ports.ts';
import { restore } from './restore.ts';
import type { RuntimeServiceContext } from './runtime-service/context.ts';
import { GracePeriods } from './runtime-service/grace-periods.ts';
import { runtimeServiceHandlers } from './runtime-service/handlers.ts';
import { keepLogs } from './runtime-service/keep-logs.ts';
import { recordLostMonitors } from './runtime-service/lost-monitors.ts';
import { collectNetworkGarbage } from './runtime-service/network-garbage.ts';
import { writableLayers } from './runtime-service/read-stats.ts';
import { recordExit } from './runtime-service/record-exit.ts';
import { keepScopeLimits } from './runtime-service/scope-limits.ts';
import { recordFilesOnDisk } from './store/record-files.ts';
import { RecordStore } from './store/record-store.ts';
import { serveStream } from './streaming/serve-stream.ts';
import { StreamRequests } from './streaming/stream-requests.ts';
import { openStreamingServer } from './streaming/streaming-server.ts';

/** What the composition root constructs; the rest of the context is memory that belongs to the server. */
export interface CriServerOptions
  extends Pick<
    RuntimeServiceContext,
    | 'config'
    | 'paths'
    | 'node'
    | 'runtimes'
    | 'runtimeChoice'
    | 'cgroupDriver'
    | 'scopes'
    | 'monitor'
    | 'pause'
    | 'clock'
    | 'log'
  > {
  readonly images: Images;
  readonly network: PodNetwork & { close(): Promise<void> };
  readonly registry: Registry;
  readonly version: string;
}

/** A dead monitor leaves no event, nor does a log that one has begun anew: the only looks that have to be repeated. Upstream's period. */
const LOOK_MS = 10_000;
/** What is left over on the network is rare, and each plugin is asked to look for it. */
const NETWORK_GC_MS = 3_600_000;

/** Kubelets ask every 10 s; containerd counts as often. */
const LAYER_FRESH_MS = 10_000;

/** How long running operations may take to end after SIGTERM; what is cut short is undone or finished at the next start. */
const DRAIN_MS = 10_000;

/**
 * The CRI shim on its socket. Order at start: exit watch, restore, socket: a client never sees a state that was not compared with what is there, and no
 * exit falls between. Network plugins are asked to forget what is gone after that.
 */
export function criServer(options: CriServerOptions): Component {
  const { config, paths, log, clock, monitor, images, network } = options;
  const files = recordFilesOnDisk(paths);
  const ctx: RuntimeServiceContext = {
    ...options,
    store: new RecordStore(files, (id, error) =>
      log.error(
        { id, err: error },
        'a record could not be written; it is right in memory, and a restart looks at what is there',
      ),
    ),
    events: new EventHub(),
    exits: new ExitWaiters(),
    joins: new JoinedOperations(),
    queue: new KeyedQueue(),
    starting: new Set(),
    graces: new GracePeriods(clock),
    streams: new StreamRequests(clock),
    cpuRates: new CpuRates(),
    layerUsages: new DirectoryUsages({ clock, freshMs: LAYER_FRESH_MS }),
    said: new Set(),
  };
  return {
    name: 'cri-server',
    async run(signal, ready) {
      for (const directory of [config.root, paths.sandboxRecords, paths.containers])
        mkdirSync(directory, { recursive: true, mode: 0o700 });
      // Others may pass through here but not look around: bundles below have modes of their own.
      for (const directory of [config.state, paths.sandboxStates, paths.containerStates, paths.netnsDir])
        mkdirSync(directory, { recursive: true, mode: 0o711 });

      let watchFailed: (error: Error) => void = () => {};
      const watchFailure = new Promise<never>((_resolve, reject) => {
        watchFailed = reject;
      });
      watchFailure.catch(() => undefined);
      const onExit = (id: string): void => {
        try {
          recordExit(ctx, id);
        } catch (error) {
          log.error({ id, err: error }, 'an exit could not be recorded');
        }
        ctx.exits.announce(id);
      };
      const endWatch = monitor.watchExits(onExit, error => watchFailed(error));
      await restore(ctx, files);
      keepScopeLimits(ctx);
      await images.collectGarbage();

      const durations = new Histogram({
        name: 'gantry_cri_rpc_duration_seconds',
        help: 'Duration of CRI calls by method and gRPC code.',
        labelNames: ['method', 'code'] as const,
        // Lists take under a millisecond, a pull minutes.
        buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
        registers: [options.registry],
      });
      const streaming = await openStreamingServer({
        config: config.streaming,
        requests: ctx.streams,
        log,
        serve: (wanted, connection, stopping) => serveStream(ctx, wanted, connection, stopping),
      });
      const server = await serveUnix({
        socketPath: config.socket,
        services: [
          implement(RuntimeServiceService, runtimeServiceHandlers(ctx, options.version)),
          implement(
            ImageServiceService,
            imageServiceHandlers(images, () => writableLayers(ctx)),
          ),
          implement(ImagesService, imageImportHandlers(images)),
        ],
        log,
        onCall: (path, code, seconds) =>
          durations.observe({ method: path.slice(path.lastIndexOf('/') + 1), code }, seconds),
      }).catch(async error => {
        await streaming.close();
        throw error;
      });
      const looking = setInterval(() => {
        recordLostMonitors(ctx);
        keepLogs(ctx);
      }, LOOK_MS);
      const collection = new AbortController();
      const collecting = setInterval(() => void collectNetworkGarbage(ctx, collection.signal), NETWORK_GC_MS);
      log.info({ socket: config.socket }, 'serving');
      ready();
      // Plugins of others may need a service of this node that runs in a pod: they are not waited for before pods can run.
      void collectNetworkGarbage(ctx, collection.signal).then(() => faultPoint('cri/restore/network-pruned'));
      try {
        await Promise.race([aborted(signal), watchFailure]);
      } finally {
        clearInterval(looking);
        clearInterval(collecting);
        collection.abort(new Error('the shim is ending'));
        await Promise.all([server.close(), streaming.close()]);
        const drained = new AbortController();
        await Promise.race([ctx.joins.idle(), sleep(DRAIN_MS, drained.signal).catch(() => undefined)]);
        drained.abort();
        endWatch();
        await images.close();
        await network.close();
      }
    },
  };
}
