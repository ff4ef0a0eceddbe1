import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { TimeSlice } from '../base/time-slice.ts';
import type { PodRefusal, SchedulerEffects } from './effects.ts';
import { fitErrorText, NO_NODES } from './fit-error.ts';
import type { Picture } from './picture.ts';
import { type Placement, placePod } from './place-pod.ts';
import type { PodInfo } from './pod-info.ts';
import { findPreemption } from './preempt/preemption.ts';
import type { Victims } from './preempt/victims.ts';
import type { QueuedPod } from './queued-pod.ts';
import type { AttemptResult, SchedulerMetrics } from './scheduler-metrics.ts';
import type { SchedulingQueue } from './scheduling-queue.ts';
import type { World } from './world.ts';

export interface SchedulerOptions {
  readonly world: World;
  readonly queue: SchedulingQueue;
  readonly picture: Picture;
  readonly effects: SchedulerEffects;
  readonly metrics: SchedulerMetrics;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** One line for the log. */
  readonly onTrouble: (message: string) => void;
}

/** Writes that are under way at a time; above that no further pod is tried until some have ended. Upstream's burst. */
const MAX_UNDER_WAY = 100;

/**
 * Places one pod after the other. The picture stands still while one is placed: changes wait until it is done. Bindings and whatever is told of refusals
 * go on beside that.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #changes: (() => void)[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #onWakeUp: () => void = () => {};
  /** Something has happened since it was looked last. */
  #isAwake = true;
  #start = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Something to be brought into the world before the next pod is tried. */
  enqueue(change: () => void): void {
    this.#changes.push(change);
    this.wakeUp();
  }

  /** There may be something to do. */
  wakeUp(): void {
    this.#isAwake = true;
    this.#onWakeUp();
  }

  /** Works until the signal aborts and what is under way has ended. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.wakeUp();
    signal.addEventListener('abort', onAbort, { once: true });
    const slice = new TimeSlice();
    while (!signal.aborted) {
      this.#isAwake = false;
      const didSomething = await this.step(signal);
      if (!didSomething && !signal.aborted) await this.#idle();
      if (slice.used) await slice.breathe();
    }
    signal.removeEventListener('abort', onAbort);
    this.#options.queue.close();
    await this.settled();
  }

  /** Brings in what has changed and tries one pod; false where there is none to try. */
  async step(signal: AbortSignal): Promise<boolean> {
    await this.#bringIn();
    if (this.#underWay.size >= MAX_UNDER_WAY) return false;
    const queued = this.#options.queue.take();
    if (queued === undefined) return false;
    await this.#attempt(queued, signal);
    return true;
  }

  /** Resolves when no write is under way any more. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Brings in all that has changed; more may come while it breathes. */
  async #bringIn(): Promise<void> {
    const slice = new TimeSlice();
    while (this.#changes.length > 0)
      for (const change of this.#changes.splice(0)) {
        try {
          change();
        } catch (error) {
          // an object that is not what it should be concerns nobody else
          this.#options.onTrouble(`a change could not be brought in: ${errorMessage(error)}`);
        }
        if (slice.used) await slice.breathe();
      }
  }

  /** Until something happens. */
  #idle(): Promise<void> {
    if (this.#isAwake) return Promise.resolve();
    return new Promise(resolve => {
      this.#onWakeUp = resolve;
    });
  }

  async #attempt(queued: QueuedPod, signal: AbortSignal): Promise<void> {
    const { world, queue, picture, random, effects, metrics } = this.#options;
    const { info } = queued;
    if (info.pod.metadata.deletionTimestamp !== undefined || world.cluster.isAssumed(info.uid)) {
      if (info.pod.metadata.deletionTimestamp !== undefined) effects.skip(info.pod);
      queue.remove(info.uid);
      return;
    }
    const timer = metrics.begin();
    try {
      const options = { nominations: world.nominated, random, start: this.#start };
      const { placement, asked } = await placePod(info, picture, options);
      this.#start = (this.#start + asked) % Math.max(1, picture.nodes.length);
      timer(await this.#carryOut(queued, placement, signal));
    } catch (error) {
      // a broken object is a failure of this pod alone
      timer('error');
      this.#fail(queued, errorMessage(error), signal);
    }
  }

  async #carryOut(queued: QueuedPod, placement: Placement, signal: AbortSignal): Promise<AttemptResult> {
    switch (placement.kind) {
      case 'node':
        this.#bind(queued, placement.node, signal);
        return 'scheduled';
      case 'no-nodes':
        this.#refuse(queued, new Set(), { message: NO_NODES, nominatedNode: '' }, signal);
        return 'unschedulable';
      case 'refused':
        await this.#makeRoom(queued, placement, signal);
        return 'unschedulable';
    }
  }

  /** Looks whether others can go for it, and sees to it that they do. */
  async #makeRoom(
    queued: QueuedPod,
    { diagnosis, checks }: Extract<Placement, { kind: 'refused' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { picture, world, random, clock, metrics } = this.#options;
    const { info } = queued;
    const options = { picture, nominations: world.nominated, random, now: clock.now() };
    const found = await findPreemption(info, diagnosis, checks, options);
    const message = fitErrorText(diagnosis, found.kind === 'victims' ? '' : found.message);
    if (found.kind === 'victims') {
      metrics.preempted(found.victims.pods.length);
      this.#preempt(info, found.victims, signal);
    }
    const kept = { victims: found.kind === 'victims' ? found.victims.node : '', useless: '', 'not-now': undefined };
    this.#refuse(queued, diagnosis.rejectors, { message, nominatedNode: kept[found.kind] }, signal);
  }

  /** The pod is not tried again before all of them are told to go. */
  #preempt({ uid, pod, priority }: PodInfo, { node, pods }: Victims, signal: AbortSignal): void {
    const { world, queue, effects } = this.#options;
    const yielding = world.nominated.nominatedOn(node).filter(each => each.priority < priority);
    for (const each of yielding) world.nominated.remove(each.uid);
    queue.hold(uid);
    const preemption = { pod, node, victims: pods.map(each => each.pod), yielding: yielding.map(each => each.pod) };
    this.#beside(
      effects.preempt(preemption, signal).then(isDone => {
        this.enqueue(() => queue.release(uid, !isDone));
      }),
    );
  }

  #bind(queued: QueuedPod, node: string, signal: AbortSignal): void {
    const { world, effects } = this.#options;
    const { info } = queued;
    world.cluster.assume(info, node);
    world.nominated.remove(info.uid);
    this.#beside(
      effects.bind(info.pod, node, signal).catch((error: unknown) => {
        if (signal.aborted) return;
        this.enqueue(() => {
          world.forget(info);
          this.#fail(queued, errorMessage(error), signal);
        });
      }),
    );
  }

  /** It could not be tried or bound: again after a pause. */
  #fail(queued: QueuedPod, message: string, signal: AbortSignal): void {
    const { queue, effects, onTrouble } = this.#options;
    const { info } = queued;
    if (queue.get(info.uid)?.place !== 'in-flight') return;
    onTrouble(`${info.key}: ${message}`);
    queue.giveBack(info.uid, { rejectors: new Set(), isError: true });
    this.#options.world.nominated.remove(info.uid);
    this.#beside(effects.refuse(info.pod, { reason: 'SchedulerError', message, nominatedNode: '' }, signal));
  }

  #refuse(
    { info }: QueuedPod,
    rejectors: ReadonlySet<string>,
    refusal: Omit<PodRefusal, 'reason'>,
    signal: AbortSignal,
  ): void {
    const { queue, world, effects } = this.#options;
    queue.giveBack(info.uid, { rejectors, isError: false });
    if (refusal.nominatedNode !== undefined) world.nominated.set(info, refusal.nominatedNode);
    this.#beside(effects.refuse(info.pod, { reason: 'Unschedulable', ...refusal }, signal));
  }

  #beside(work: Promise<void>): void {
    const tracked = work.finally(() => {
      this.#underWay.delete(tracked);
      this.wakeUp();
    });
    this.#underWay.add(tracked);
  }
}
