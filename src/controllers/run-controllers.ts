import type { Lease } from '../api/types/gen/coordination-v1.ts';
import type { Event } from '../api/types/gen/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import { aborted } from '../base/signals.ts';
import { ApiConnection } from '../client/connection.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { Informers } from '../client/informers.ts';
import { type CandidateLives, leadByLease } from '../client/leader-election.ts';
import { type Reconciler, runReconciler } from '../client/reconcile.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { WorkQueue } from '../client/work-queue.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { AccountToken, accountOf } from './accounts.ts';
import type { ControllerRow } from './controller.ts';
import { EVENTS, LEASES } from './resources.ts';

export interface ControllersOptions {
  readonly connection: ApiConnection;
  readonly rows: readonly ControllerRow[];
  /** Each controller works as a service account of its own, with no more rights than its work takes; else as the user of the connection. */
  readonly useServiceAccountCredentials: boolean;
  /** False for a server that is surely alone: it need not wait for a lease. */
  readonly leaderElect: boolean;
  readonly lives?: CandidateLives;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The lease by which one of several processes works. */
export const CONTROLLERS_LEASE = 'kube-controller-manager';

/** Runs controllers until the signal aborts: as the elected one of several processes, unless told that there is only one. */
export function runControllers(options: ControllersOptions): Component {
  const { connection, leaderElect, lives, clock, log } = options;
  return {
    name: 'controllers',
    async run(signal, ready) {
      if (!leaderElect) return lead(options, signal, ready);
      // a candidate that waits its turn is as ready as it can be
      ready();
      const onTrouble = (message: string): void => log.warn(message);
      const onLeading = (identity: string, because: string): void => log.info({ identity, because }, 'leading');
      const leases = new ResourceClient<Lease>(connection, LEASES);
      const parts = lives === undefined ? {} : { lives };
      const leadership = { leases, name: CONTROLLERS_LEASE, clock, onTrouble, onLeading, ...parts };
      await leadByLease(leadership, signal, leading => lead(options, leading, () => {}));
    },
  };
}

async function lead(options: ControllersOptions, signal: AbortSignal, ready: () => void): Promise<void> {
  const { connection, rows, clock, log } = options;
  const informers = new Informers(connection, { clock, onTrouble: message => log.warn(message) });
  // accounts have no certificate, and the connection's would count before their tokens
  const { certificate: _, ...endpoint } = connection.endpoint;
  const shared = new ApiConnection(endpoint, { userAgent: `${connection.userAgent}/controllers`, clock });
  const connectionOf = (row: ControllerRow): ApiConnection =>
    options.useServiceAccountCredentials
      ? shared.withBearer(new AccountToken(connection, accountOf(row.name), clock))
      : connection;
  const loops = rows.map(row => prepare(row, { ...options, connection: connectionOf(row) }, informers));
  let onSynced = (): void => {};
  const synced = new Promise<void>(resolve => {
    onSynced = resolve;
  });
  const informing = informers.run(signal, onSynced);
  // nobody acts on half a picture
  await Promise.race([synced, aborted(signal)]);
  if (!signal.aborted) {
    log.info({ controllers: rows.map(row => row.name) }, 'controllers start');
    ready();
  }
  try {
    await Promise.all([informing, ...loops.map(loop => loop(signal))]);
  } finally {
    shared.close();
  }
}

function prepare(
  row: ControllerRow,
  { connection, clock, log }: ControllersOptions,
  informers: Informers,
): (signal: AbortSignal) => Promise<void> {
  const queue = new WorkQueue(clock);
  const own = log.child({ controller: row.name });
  const events = new EventRecorder({
    events: new ResourceClient<Event>(connection, EVENTS),
    component: row.eventSource ?? row.name,
    clock,
    random: Math.random,
    onTrouble: message => own.warn(message),
  });
  const reconciler: Reconciler = row.make({
    informed: (id, selection) => informers.of(id, selection),
    client: id => new ResourceClient(connection, id),
    connection,
    events,
    clock,
    log: own,
    enqueue: key => queue.add(key),
  });
  const onFailure = (key: string, because: string, pauseMs: number): void =>
    own.warn({ key, because, pauseMs }, 'failed');
  return signal => runReconciler(reconciler, { queue, workers: row.workers, onFailure }, signal);
}
