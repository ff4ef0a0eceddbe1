import type { Clock } from '../base/clock.ts';
import type { ApiObject, ResourceId } from '../client/api-object.ts';
import type { ApiConnection } from '../client/connection.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Informed, Selection } from '../client/informers.ts';
import type { Reconciler } from '../client/reconcile.ts';
import type { ResourceClient } from '../client/resource-client.ts';
import type { Logger } from '../daemon/logger.ts';

/** What a controller is given to work with. */
export interface ControllerParts {
  /** Objects that are kept up to date. Only kinds that the row declares as inputs. */
  informed<T extends ApiObject>(id: ResourceId, selection?: Selection): Informed<T>;
  /** The verbs of a kind that the row declares as output. */
  client<T extends ApiObject>(id: ResourceId): ResourceClient<T>;
  /** For who finds out by discovery which kinds there are. */
  readonly connection: ApiConnection;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  /** Adds a key to the controller's queue. */
  enqueue(key: string): void;
}

/** One controller, as the list of all knows it. */
export interface ControllerRow {
  /** Upstream's name, by which `--controllers` chooses. */
  readonly name: string;
  /** Upstream's older name, which `--controllers` takes too. */
  readonly alias?: string;
  /** Runs only where it is named: `*` does not mean it. */
  readonly isOffByDefault?: true;
  /** Who its events come from, where that is not its name: people look for what upstream's say. */
  readonly eventSource?: string;
  /** The kinds that it watches. */
  readonly inputs: readonly ResourceId[];
  /** The kinds that it writes: what its rights must allow, and nothing else. */
  readonly outputs: readonly ResourceId[];
  /** Keys at a time; upstream's --concurrent-…-syncs. */
  readonly workers: number;
  /** Registers what makes it look (`parts.informed(…).onChange`) and returns what it does. Nothing is written before `reconcile` is called. */
  make(parts: ControllerParts): Reconciler;
}
