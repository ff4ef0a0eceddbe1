import { timeOf } from '../api/time.ts';
import type { Pod, PodCondition } from '../api/types/gen/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import { errorCode, errorMessage, GantryError, isNotFound } from '../base/errors.ts';
import { deadlineSignal, sleep } from '../base/signals.ts';
import { keyOf } from '../client/api-object.ts';
import type { EventSeriesRecorder, EventSubject } from '../client/event-series-recorder.ts';
import type { ResourceClient } from '../client/resource-client.ts';
import type { PlannedPreemption, PodRefusal, SchedulerEffects } from './effects.ts';

export interface ApiEffectsOptions {
  readonly pods: ResourceClient<Pod>;
  readonly events: EventSeriesRecorder;
  readonly clock: Clock;
  readonly onTrouble: (message: string) => void;
}

const REQUEST_MS = 30_000;
/** Between tries of a binding that nobody answered. */
const RETRY_MS = 500;
const SCHEDULED = 'PodScheduled';

/** The effects by way of the API server. */
export class ApiEffects implements SchedulerEffects {
  readonly #options: ApiEffectsOptions;

  constructor(options: ApiEffectsOptions) {
    this.#options = options;
  }

  /** No answer is not a refusal: the same binding is asked for again until there is an answer, because it cannot be done twice. */
  async bind(pod: Pod, node: string, signal: AbortSignal): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const body = { metadata: { name, namespace, uid }, target: { apiVersion: 'v1', kind: 'Node', name: node } };
    let isUnclear = false;
    for (;;) {
      try {
        await this.#request(`binding ${keyOf(pod)}`, signal, limited =>
          this.#options.pods.createSubresource(namespace, name, 'binding', body, limited),
        );
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (isUnclear && (await this.#isOn(pod, node, signal))) break;
        if (!isNoAnswer(error))
          throw new GantryError(errorCode(error), `running Bind plugin "DefaultBinder": ${errorMessage(error)}`);
        isUnclear = true;
        this.#options.onTrouble(`binding ${keyOf(pod)} to ${node}: ${errorMessage(error)}`);
        await sleep(RETRY_MS, signal, this.#options.clock);
      }
    }
    const note = `Successfully assigned ${keyOf(pod)} to ${node}`;
    this.#options.events.record({
      regarding: subject(pod),
      type: 'Normal',
      reason: 'Scheduled',
      action: 'Binding',
      note,
    });
  }

  async refuse(pod: Pod, refusal: PodRefusal, signal: AbortSignal): Promise<void> {
    this.#warn(pod, refusal.message);
    const status = statusChange(pod, refusal, this.#options.clock.now());
    if (status === undefined) return;
    try {
      await this.#patchStatus(pod, status, signal);
    } catch (error) {
      const isGone = ['not-found', 'aborted', 'cancelled'].includes(errorCode(error));
      if (!isGone) this.#options.onTrouble(`the condition of ${keyOf(pod)} was not written: ${errorMessage(error)}`);
    }
  }

  async preempt({ pod, node, victims, yielding }: PlannedPreemption, signal: AbortSignal): Promise<boolean> {
    try {
      for (const each of yielding) await this.#unlessGone(this.#patchStatus(each, { nominatedNodeName: null }, signal));
      const left = victims.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      await Promise.all(left.map(victim => this.#remove(victim, pod, node, signal)));
      return true;
    } catch (error) {
      if (!signal.aborted) this.#options.onTrouble(`making room for ${keyOf(pod)}: ${errorMessage(error)}`);
      return false;
    }
  }

  skip(pod: Pod): void {
    this.#warn(pod, `skip schedule deleting pod: ${keyOf(pod)}`);
  }

  /** Says why it goes, and lets it go with its own grace. */
  async #remove(victim: Pod, pod: Pod, node: string, signal: AbortSignal): Promise<void> {
    const { name = '', namespace = '', uid = '', generation } = victim.metadata;
    const condition = {
      type: 'DisruptionTarget',
      observedGeneration: generation,
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${pod.spec.schedulerName}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: timeOf(this.#options.clock.now()),
    };
    await this.#unlessGone(this.#patchStatus(victim, { conditions: [condition] }, signal));
    await this.#unlessGone(
      this.#request(`removing ${keyOf(victim)}`, signal, limited =>
        this.#options.pods.delete(namespace, name, { preconditions: { uid } }, limited),
      ),
    );
    this.#options.events.record({
      regarding: subject(victim),
      related: subject(pod),
      type: 'Normal',
      reason: 'Preempted',
      action: 'Preempting',
      note: `Preempted by pod ${pod.metadata.uid} on node ${node}`,
    });
  }

  /** What is gone, or is another one by now, needs nothing any more. */
  async #unlessGone(request: Promise<unknown>): Promise<void> {
    await request.catch((error: unknown) => {
      if (!isNotFound(error) && errorCode(error) !== 'aborted') throw error;
    });
  }

  /** Changes the status of this very pod, not of another one of its name. */
  async #patchStatus(pod: Pod, status: object, signal: AbortSignal): Promise<void> {
    const { name = '', namespace = '', uid } = pod.metadata;
    await this.#request(`the status of ${keyOf(pod)}`, signal, limited =>
      this.#options.pods.patch(
        { namespace, name, subresource: 'status' },
        'strategic',
        { metadata: { uid }, status },
        limited,
      ),
    );
  }

  #warn(pod: Pod, note: string): void {
    const what = { type: 'Warning', reason: 'FailedScheduling', action: 'Scheduling' } as const;
    this.#options.events.record({ regarding: subject(pod), ...what, note });
  }

  async #isOn(pod: Pod, node: string, signal: AbortSignal): Promise<boolean> {
    const { name = '', namespace = '', uid } = pod.metadata;
    try {
      const found = await this.#request(`pod ${keyOf(pod)}`, signal, limited =>
        this.#options.pods.get(namespace, name, limited),
      );
      return found.metadata.uid === uid && found.spec.nodeName === node;
    } catch {
      return false;
    }
  }

  async #request<T>(what: string, signal: AbortSignal, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limited = deadlineSignal(REQUEST_MS, what, signal, this.#options.clock);
    try {
      return await send(limited.signal);
    } finally {
      limited.release();
    }
  }
}

/** A pod as the subject of events. */
function subject(pod: Pod): EventSubject {
  return { apiVersion: 'v1', kind: 'Pod', object: pod };
}

/** What of a pod's status changes when it is refused; undefined where it says so already. `now` in ms. Pure. */
export function statusChange(pod: Pod, refusal: PodRefusal, now: number): object | undefined {
  const { conditions = [], nominatedNodeName = '' } = pod.status;
  const condition = scheduledCondition(
    conditions.find(({ type }) => type === SCHEDULED),
    refusal,
    pod.metadata.generation,
    now,
  );
  const { nominatedNode = nominatedNodeName } = refusal;
  const isMoved = nominatedNode !== nominatedNodeName;
  if (condition === undefined && !isMoved) return undefined;
  return {
    ...(condition === undefined ? {} : { conditions: [condition] }),
    ...(isMoved ? { nominatedNodeName: nominatedNode === '' ? null : nominatedNode } : {}),
  };
}

/** Undefined where it is so already. It keeps the time of its last transition while it stays False. */
function scheduledCondition(
  before: PodCondition | undefined,
  { reason, message }: PodRefusal,
  observedGeneration: number | undefined,
  now: number,
): PodCondition | undefined {
  const isSame =
    before?.status === 'False' &&
    before.reason === reason &&
    before.message === message &&
    before.observedGeneration === observedGeneration;
  if (isSame) return undefined;
  const lastTransitionTime = before?.status === 'False' ? before.lastTransitionTime : timeOf(now);
  return { type: SCHEDULED, observedGeneration, status: 'False', reason, message, lastTransitionTime };
}

function isNoAnswer(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'unavailable' || code === 'deadline-exceeded';
}
