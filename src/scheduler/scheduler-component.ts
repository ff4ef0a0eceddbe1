import { hostname } from 'node:os';
import type { Lease } from '../api/types/gen/coordination-v1.ts';
import type { Node, Pod } from '../api/types/gen/core-v1.ts';
import type { Event } from '../api/types/gen/events-v1.ts';
import type { Clock } from '../base/clock.ts';
import { aborted } from '../base/signals.ts';
import type { ApiObject, ResourceId } from '../client/api-object.ts';
import type { ApiConnection } from '../client/connection.ts';
import { EventSeriesRecorder } from '../client/event-series-recorder.ts';
import { Informers } from '../client/informers.ts';
import { type CandidateLives, leadByLease } from '../client/leader-election.ts';
import type { Change } from '../client/object-store.ts';
import { ResourceClient } from '../client/resource-client.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import type { Registry } from '../daemon/metrics.ts';
import { ApiEffects } from './api-effects.ts';
import type { ClusterChange } from './cluster-change.ts';
import { FILTERS } from './filter/all.ts';
import { WatchedObjects } from './object-picture.ts';
import { wholePicture } from './picture.ts';
import type { QueuePlace } from './queued-pod.ts';
import { CLAIMS, EVENTS, LEASES, NAMESPACES, NODES, PODS, STORAGE_CLASSES, VOLUMES } from './resources.ts';
import { Scheduler } from './scheduler.ts';
import { type SchedulerMetrics, schedulerMetrics } from './scheduler-metrics.ts';
import { SchedulingQueue } from './scheduling-queue.ts';
import { World } from './world.ts';

export interface SchedulerComponentOptions {
  readonly connection: ApiConnection;
  /** False for a scheduler that is surely alone: it need not wait for a lease. */
  readonly leaderElect: boolean;
  readonly lives?: CandidateLives;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The lease by which one of several processes works. */
export const SCHEDULER_LEASE = 'kube-scheduler';
/** Who the events are from, as upstream. */
const CONTROLLER = 'default-scheduler';
/** Pods that have ended need no node. */
const LIVING = { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' };
const NOBODY_WAITS: Readonly<Record<QueuePlace, number>> = {
  active: 0,
  backoff: 0,
  unschedulable: 0,
  gated: 0,
  'in-flight': 0,
};

/** Runs the scheduler until the signal aborts: as the elected one of several processes, unless told that there is only one. */
export function schedulerComponent(options: SchedulerComponentOptions): Component {
  const { connection, leaderElect, lives, registry, clock, log } = options;
  let pending = (): Readonly<Record<QueuePlace, number>> => NOBODY_WAITS;
  const metrics = schedulerMetrics(registry, () => pending());
  const lead = (signal: AbortSignal, ready: () => void): Promise<void> =>
    schedule(options, metrics, signal, ready, queue => {
      pending = () => queue.counts();
    });
  return {
    name: 'scheduler',
    async run(signal, ready) {
      if (!leaderElect) return lead(signal, ready);
      // a candidate that waits its turn is as ready as it can be
      ready();
      const leases = new ResourceClient<Lease>(connection, LEASES);
      const onTrouble = (message: string): void => log.warn(message);
      const onLeading = (identity: string, because: string): void => log.info({ identity, because }, 'leading');
      const parts = lives === undefined ? {} : { lives };
      const leadership = { leases, name: SCHEDULER_LEASE, clock, onTrouble, onLeading, ...parts };
      await leadByLease(leadership, signal, leading => lead(leading, () => {}));
    },
  };
}

async function schedule(
  { connection, clock, log }: SchedulerComponentOptions,
  metrics: SchedulerMetrics,
  signal: AbortSignal,
  ready: () => void,
  onQueue: (queue: SchedulingQueue) => void,
): Promise<void> {
  const onTrouble = (message: string): void => log.warn(message);
  const informers = new Informers(connection, { clock, onTrouble });
  const world = new World();
  const picture = wholePicture(world.cluster, new WatchedObjects(informers));
  const queue = new SchedulingQueue({ clock, filters: FILTERS, picture, onReady: () => scheduler.wakeUp() });
  world.queue = queue;
  onQueue(queue);
  const events = new EventSeriesRecorder({
    events: new ResourceClient<Event>(connection, EVENTS),
    controller: CONTROLLER,
    instance: `${CONTROLLER}-${hostname()}`,
    clock,
    random: Math.random,
    onTrouble,
  });
  const effects = new ApiEffects({ pods: new ResourceClient<Pod>(connection, PODS), events, clock, onTrouble });
  const scheduler = new Scheduler({ world, queue, picture, effects, metrics, clock, random: Math.random, onTrouble });
  follow(informers, world, scheduler);

  let onSynced = (): void => {};
  const synced = new Promise<void>(resolve => {
    onSynced = resolve;
  });
  const informing = informers.run(signal, onSynced);
  // nobody places pods on half a picture
  await Promise.race([synced, aborted(signal)]);
  if (!signal.aborted) {
    log.info({ nodes: informers.of<Node>(NODES).store.size }, 'scheduling starts');
    ready();
    await scheduler.run(signal);
  }
  await Promise.all([informing, events.flush()]);
}

/** Whatever changes is brought into the world between two pods. */
function follow(informers: Informers, world: World, scheduler: Scheduler): void {
  informers.of<Pod>(PODS, LIVING).onChange(change => scheduler.enqueue(() => world.podChanged(change)));
  informers.of<Node>(NODES).onChange(change => scheduler.enqueue(() => world.nodeChanged(change)));
  const objects = [
    ['namespace', NAMESPACES],
    ['claim', CLAIMS],
    ['volume', VOLUMES],
    ['storage-class', STORAGE_CLASSES],
  ] as const satisfies readonly (readonly [ClusterChange['kind'], ResourceId])[];
  for (const [kind, id] of objects)
    informers
      .of<ApiObject>(id)
      .onChange(({ before, after }: Change<ApiObject>) =>
        scheduler.enqueue(() => world.objectChanged({ kind, before, after } as ClusterChange)),
      );
}
