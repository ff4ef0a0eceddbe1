import { mkdirSync, readdirSync } from 'node:fs';
import type { Event } from '../api/types/gen/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { ResourceClient } from '../client/resource-client.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import type { Registry } from '../daemon/metrics.ts';
import { appArmorEnabled } from '../linux/apparmor.ts';
import { createExecutors } from './act/executors.ts';
import { rotateLogs } from './act/log-rotation.ts';
import { PodManager } from './act/pod-manager.ts';
import { admitPod, refuseResize } from './decide/admit-pod.ts';
import { ManifestDirectory } from './desired/manifest-directory.ts';
import { PodSources } from './desired/pod-sources.ts';
import { ImageGarbage } from './images/image-garbage.ts';
import { ImagePuller } from './images/image-puller.ts';
import { PullRecords } from './images/pull-records.ts';
import type { KubeletApi } from './kubelet-api.ts';
import { kubeletMetrics } from './kubelet-metrics.ts';
import { type NodeSetup, nodeReporting, nodeTarget } from './node/node-reporting.ts';
import { apiObjects } from './objects/api-objects.ts';
import { NO_OBJECTS } from './objects/pod-objects.ts';
import { PodCache } from './observed/pod-cache.ts';
import { watchRuntime } from './observed/runtime-watch.ts';
import { checkpointsDir, isPodUid, podsDir } from './pod-paths.ts';
import { ProbeManager } from './probes/probe-manager.ts';
import type { FirstLook } from './report/first-look.ts';
import { NO_EVENTS, podEvents } from './report/pod-events.ts';
import { podReporting } from './report/pod-reporting.ts';
import type { StatusStore } from './report/status-store.ts';
import type { DriverInUse } from './resources/driver-in-use.ts';
import { makeQosCgroups } from './resources/qos-cgroups.ts';
import { forbiddenAppArmor } from './runtime/apparmor.ts';
import { findRuntime } from './runtime/find-runtime.ts';
import type { ContainerRuntime } from './runtime/ports.ts';
import { forbiddenSysctl } from './runtime/unsupported.ts';
import type { KubeletSettings } from './settings.ts';
import { NodeShutdown } from './shutdown/node-shutdown.ts';
import { readSpace } from './stats/machine-reading.ts';

export interface KubeletOptions {
  readonly settings: KubeletSettings;
  readonly runtime: ContainerRuntime;
  readonly cgroups: DriverInUse;
  readonly statuses: StatusStore;
  /** Told which pods are to run, as soon as all sources have said so. */
  readonly firstLook: FirstLook;
  /** Undefined runs no pods of its own accord: there is nothing to watch. */
  readonly manifests: { readonly path: string; readonly checkMs: number } | undefined;
  /** Undefined for a kubelet that stands alone: manifests in, pods out. */
  readonly api: KubeletApi | undefined;
  /** With an API server: what the Node is registered with. */
  readonly node: NodeSetup | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** What probes count, which upstream tells apart from the rest. */
  readonly probeRegistry: Registry;
}

/** Upstream's words. */
const SHUTTING_DOWN = { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' };

/** The kubelet: pods from manifests and from the API server, where there is one, are run. */
export function kubelet(options: KubeletOptions): Component {
  return {
    name: 'kubelet',
    async run(signal, ready) {
      const { settings, runtime, clock, log, registry } = options;
      mkdirSync(podsDir(settings), { recursive: true, mode: 0o750 });
      mkdirSync(checkpointsDir(settings), { recursive: true, mode: 0o700 });
      mkdirSync(settings.podLogsDir, { recursive: true, mode: 0o755 });
      if (settings.containerLogLinks !== undefined)
        mkdirSync(settings.containerLogLinks, { recursive: true, mode: 0o755 });
      const version = await findRuntime(options, signal);
      if (version === undefined) return;
      await makeQosCgroups(options.cgroups, settings.cgroups.root, settings.enforcedAllocatable, signal);
      const records = new PullRecords(`${settings.rootDir}/image_manager`, settings.verifyImages, clock);
      await records.settle(runtime, signal).catch((error: unknown) => {
        log.warn(
          { because: errorMessage(error) },
          'the records of pulled images could not be compared with the images',
        );
      });
      const cache = new PodCache(runtime, clock);
      let desired = 0;
      const metrics = kubeletMetrics(registry, cache, () => desired);
      const onObjectChange = (uids: readonly string[]): void => manager.onObjectChange(uids);
      const objects =
        options.api === undefined
          ? undefined
          : apiObjects({ connection: options.api.connection, clock, log, onChange: onObjectChange });
      const recorder = options.api === undefined ? undefined : eventRecorder(options, options.api);
      const events = recorder === undefined ? NO_EVENTS : podEvents(recorder);
      const imageGarbage = new ImageGarbage({
        policy: settings.imageGarbage,
        runtime,
        records,
        space: readSpace,
        onEvent: (reason, message) => recorder?.record(nodeTarget(settings.nodeName), 'Warning', reason, message),
        onRemoved: metrics.imageRemoved,
        clock,
        log,
      });
      const tools = {
        objects: objects ?? NO_OBJECTS,
        events,
        runtime,
        settings,
        cgroups: options.cgroups,
        networkProblem: () => node?.reporter.networkProblem,
        api: options.api,
        clock,
        log,
        puller: new ImagePuller(runtime, settings.parallelPulls, clock, records, () => imageGarbage.poke()),
      };
      const probes = new ProbeManager({
        runtime,
        hostIPs: settings.hostIPs,
        events,
        clock,
        log,
        registry: options.probeRegistry,
        random: Math.random,
        onChange: uid => manager.onProbed(uid),
      });
      const node =
        options.api === undefined || options.node === undefined
          ? undefined
          : nodeReporting(options.node, {
              api: options.api,
              settings,
              runtime,
              version,
              recorder,
              clock,
              log,
              onRuntimeChange: () => manager.onNetworkReady(),
            });
      const reporting =
        options.api === undefined
          ? undefined
          : podReporting({ ...options, api: options.api }, uid => manager.onNews([uid], false));
      const podSources = [
        ...(options.manifests === undefined ? [] : ['file' as const]),
        ...(options.api === undefined ? [] : ['api' as const]),
      ];
      const seenAt = new Map<string, number>();
      const manager = new PodManager(
        {
          ...tools,
          cache,
          probes,
          statuses: options.statuses,
          executors: createExecutors(tools),
          runtimeName: version.name,
          onRunning: pod => {
            const seen = seenAt.get(pod.uid);
            seenAt.delete(pod.uid);
            if (seen === undefined) return;
            const ms = clock.monotonic() - seen;
            metrics.podStarted(ms / 1000);
            log.info(
              { pod: `${pod.namespace}/${pod.name}`, uid: pod.uid, ms: Math.round(ms) },
              'all containers of the pod run',
            );
          },
          podDirs: () => readdirSync(podsDir(settings)).filter(isPodUid),
          sources: podSources,
          admit: (pod, others) => {
            const [own] = options.api?.node.store.list() ?? [];
            if (own === undefined) return undefined;
            return (
              (shutdown.isShuttingDown ? SHUTTING_DOWN : undefined) ??
              forbiddenSysctl(pod.pod.spec, settings.allowedUnsafeSysctls) ??
              forbiddenAppArmor(pod.pod, appArmorEnabled()) ??
              admitPod(
                pod.pod,
                others.map(each => each.pod),
                own,
              )
            );
          },
          refuseResize: (pod, others) => {
            const [own] = options.api?.node.store.list() ?? [];
            return own === undefined
              ? undefined
              : refuseResize(
                  pod.pod,
                  others.map(each => each.pod),
                  own,
                );
          },
          isShuttingDown: () => shutdown.isShuttingDown,
          isTold: uid => reporting?.sender.isTold(uid) ?? true,
          onGone: pod => reporting?.sender.onGone(pod.uid),
        },
        signal,
      );
      const shutdown = new NodeShutdown({
        stages: settings.shutdownStages,
        pods: () => manager.living(),
        end: (pod, graceSeconds) => manager.shutDown(pod.uid, graceSeconds),
        onChange(isShuttingDown) {
          node?.reporter.setShuttingDown(isShuttingDown);
          if (!isShuttingDown) manager.callOffShutdown();
        },
        clock,
        log,
      });
      const sources = new PodSources(options.api?.pods, set => {
        if (set.pods.length > settings.maxPods && desired <= settings.maxPods)
          log.warn(
            { pods: set.pods.length, maxPods: settings.maxPods },
            'there are more pods than maxPods; all are run',
          );
        desired = set.pods.length;
        const uids = new Set(set.pods.map(p => p.uid));
        for (const uid of seenAt.keys()) if (!uids.has(uid)) seenAt.delete(uid);
        for (const uid of uids)
          if (!seenAt.has(uid) && options.statuses.statusOf(uid) === undefined) seenAt.set(uid, clock.monotonic());
        manager.setDesired(set);
        // until then nobody knows that a pod is not there
        if (!podSources.every(source => set.known.has(source))) return;
        options.firstLook.expect(uids);
        reporting?.mirrors.setStatic(set.pods.filter(pod => pod.source === 'file'));
      });
      const manifests =
        options.manifests === undefined
          ? undefined
          : new ManifestDirectory({
              ...options.manifests,
              nodeName: settings.nodeName,
              clock,
              log,
              onChange: set => sources.setManifests(set),
            });
      if (podSources.length === 0) {
        options.firstLook.expect([]);
        log.warn('no static pod path is given: nothing is to be run');
      }
      await Promise.all([
        manifests?.run(signal),
        reporting?.run(signal),
        node?.run(signal),
        shutdown.run(signal),
        objects?.run(signal),
        imageGarbage.run(signal),
        settings.logRotation === undefined
          ? undefined
          : rotateLogs({ policy: settings.logRotation, runtime, clock, log }, signal),
        options.api?.informers.run(signal, () => {
          log.info('the API server told which pods are to run here');
          sources.onSynced();
        }),
        watchRuntime(
          {
            runtime,
            cache,
            clock,
            log,
            onEvent: uid => {
              metrics.eventReceived();
              manager.onNews([uid], true);
            },
            onRelist: (changed, seconds) => {
              metrics.relisted(seconds);
              manager.onNews(changed, false);
              manager.onRelist();
              ready();
            },
          },
          signal,
        ),
      ]);
      probes.stop();
      await manager.ended();
    },
  };
}

function eventRecorder({ settings, clock, log }: KubeletOptions, { connection }: KubeletApi): EventRecorder {
  return new EventRecorder({
    events: new ResourceClient<Event>(connection, { group: '', version: 'v1', plural: 'events' }),
    component: 'kubelet',
    host: settings.nodeName,
    clock,
    random: Math.random,
    onTrouble: because => log.debug({ because }, 'an event was not written'),
  });
}
