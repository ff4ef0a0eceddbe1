import type { Clock } from '../base/clock.ts';
import type { ChangeKind, ClusterChange } from './cluster-change.ts';
import type { Filter } from './filter/filter.ts';
import { Heap } from './heap.ts';
import type { Picture } from './picture.ts';
import type { PodInfo } from './pod-info.ts';
import { backoffEnd, isBefore, isDoneBefore, type QueuedPod, type QueuePlace } from './queued-pod.ts';

export interface QueueOptions {
  readonly clock: Clock;
  readonly filters: readonly Filter[];
  readonly picture: Picture;
  /** Something can be taken that could not before. */
  readonly onReady: () => void;
}

/** How an attempt ended. */
export interface Failure {
  /** What refused it, by upstream's names. Empty: nothing that a change could undo is known, so any change will do. */
  readonly rejectors: ReadonlySet<string>;
  /** True where it was not the pod's fault: it is tried again after a pause, without waiting for a change. */
  readonly isError: boolean;
}

/** Upstream: what no change has freed within this time is tried again. */
const MAX_UNSCHEDULABLE_MS = 300_000;
/** The index of pods that any change may help. */
const ANY = '';

/**
 * The pods that wait for a node. Active ones can be taken, by priority. Those that were refused wait until something changes that may undo what refused
 * them, at most five minutes; then they back off for 1 to 10 s since their refusal, but not while there is nothing else to do. Gated ones wait for their gates.
 */
export class SchedulingQueue {
  readonly #options: QueueOptions;
  readonly #pods = new Map<string, QueuedPod>();
  readonly #active = new Heap<QueuedPod>(uidOf, isBefore);
  readonly #refused = new Heap<QueuedPod>(uidOf, isDoneBefore);
  /** Those whose attempt failed, which have to wait in any case. */
  readonly #failed = new Heap<QueuedPod>(uidOf, isDoneBefore);
  readonly #unschedulable = new Heap<QueuedPod>(uidOf, (a, b) => a.since < b.since);
  readonly #byRejector = new Map<string, Set<QueuedPod>>();
  readonly #interested: ReadonlyMap<ChangeKind, readonly Filter[]>;
  /** Pods that must not be tried: others are being removed for them. */
  readonly #held = new Set<string>();
  #cancelTimer: (() => void) | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
    const interested = new Map<ChangeKind, Filter[]>();
    for (const filter of options.filters)
      for (const kind of filter.changes) {
        const known = interested.get(kind);
        if (known === undefined) interested.set(kind, [filter]);
        else known.push(filter);
      }
    this.#interested = interested;
  }

  /** How many pods are where. */
  counts(): Readonly<Record<QueuePlace, number>> {
    const counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0, 'in-flight': 0 };
    for (const { place } of this.#pods.values()) counts[place] += 1;
    return counts;
  }

  get(uid: string): QueuedPod | undefined {
    return this.#pods.get(uid);
  }

  /** A pod that is new. */
  add(info: PodInfo): void {
    const pod: QueuedPod = {
      info,
      place: 'gated',
      since: this.#now(),
      attempts: 0,
      refusals: 0,
      failures: 0,
      rejectors: new Set(),
      isRevived: false,
    };
    this.#pods.set(info.uid, pod);
    if (!isGated(pod)) this.#put(pod, 'active');
  }

  /** A pod that waits has changed. One that is being tried comes back as it is now. */
  update(info: PodInfo): void {
    const pod = this.#pods.get(info.uid);
    if (pod === undefined) {
      this.add(info);
      return;
    }
    const before = pod.info.pod;
    if (pod.place === 'in-flight') {
      pod.info = info;
      return;
    }
    if (pod.place === 'unschedulable') {
      pod.info = info;
      if (this.#mayHelp({ kind: 'self', before, after: info.pod }, pod)) this.#revive(pod);
      return;
    }
    // its priority may have changed, and its gates
    this.#leave(pod);
    pod.info = info;
    if (pod.place === 'gated' && !isGated(pod)) pod.since = this.#now();
    this.#put(pod, isGated(pod) ? 'gated' : pod.place === 'gated' ? 'active' : pod.place);
  }

  /** The pod is gone, or has a node. Safe to repeat. */
  remove(uid: string): void {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    this.#leave(pod);
    this.#pods.delete(uid);
    this.#held.delete(uid);
    this.#setTimer();
  }

  /** The next pod to try; undefined where none can be. Whoever takes it says how it ended: `remove` or `giveBack`. */
  take(): QueuedPod | undefined {
    this.#wake();
    // with nothing else to do there is no reason to let those wait that a change may have helped
    const pod = this.#active.take() ?? this.#refused.take();
    if (pod === undefined) return undefined;
    pod.place = 'in-flight';
    pod.attempts += 1;
    pod.isRevived = false;
    this.#setTimer();
    return pod;
  }

  /** It has found no node. */
  giveBack(uid: string, { rejectors, isError }: Failure): void {
    const pod = this.#pods.get(uid);
    if (pod?.place !== 'in-flight') return;
    pod.since = this.#now();
    pod.rejectors = rejectors;
    pod.refusals = isError ? pod.refusals : pod.refusals + 1;
    pod.failures = isError ? pod.failures + 1 : 0;
    this.#put(pod, isError ? 'backoff' : 'unschedulable');
  }

  /** Something has changed: those that it may help are tried again. `isConcerned` leaves out others beforehand. */
  changed(change: ClusterChange, isConcerned: (pod: PodInfo) => boolean = () => true): void {
    const found = new Set(this.#byRejector.get(ANY));
    for (const filter of this.#interested.get(change.kind) ?? [])
      for (const pod of this.#byRejector.get(filter.name) ?? [])
        if (!found.has(pod) && filter.mayHelp(change, pod.info, this.#options.picture)) found.add(pod);
    for (const pod of found) if (isConcerned(pod.info)) this.#revive(pod);
  }

  /** Not to be tried until `release`. */
  hold(uid: string): void {
    this.#held.add(uid);
  }

  /** To be tried again, where something has happened meanwhile that may help it, or in any case. */
  release(uid: string, inAnyCase: boolean): void {
    this.#held.delete(uid);
    const pod = this.#pods.get(uid);
    if (pod?.place === 'unschedulable' && (pod.isRevived || inAnyCase)) this.#revive(pod);
  }

  /** No timer fires any more. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #mayHelp(change: ClusterChange, { rejectors, info }: QueuedPod): boolean {
    if (rejectors.size === 0) return true;
    const interested = this.#interested.get(change.kind) ?? [];
    return interested.some(filter => rejectors.has(filter.name) && filter.mayHelp(change, info, this.#options.picture));
  }

  #revive(pod: QueuedPod): void {
    pod.isRevived = true;
    if (this.#held.has(pod.info.uid)) return;
    this.#leave(pod);
    this.#put(pod, backoffEnd(pod) > this.#now() ? 'backoff' : 'active');
  }

  #put(pod: QueuedPod, place: QueuePlace): void {
    pod.place = place;
    switch (place) {
      case 'active':
        this.#active.add(pod);
        break;
      case 'backoff':
        (pod.failures > 0 ? this.#failed : this.#refused).add(pod);
        break;
      case 'unschedulable':
        this.#unschedulable.add(pod);
        for (const rejector of rejectorsOf(pod)) this.#indexOf(rejector).add(pod);
        break;
    }
    this.#setTimer();
    if (this.#active.size + this.#refused.size > 0) this.#options.onReady();
  }

  #leave(pod: QueuedPod): void {
    const { uid } = pod.info;
    for (const heap of [this.#active, this.#refused, this.#failed, this.#unschedulable]) heap.remove(uid);
    for (const rejector of rejectorsOf(pod)) {
      const index = this.#byRejector.get(rejector);
      index?.delete(pod);
      if (index?.size === 0) this.#byRejector.delete(rejector);
    }
  }

  #indexOf(rejector: string): Set<QueuedPod> {
    const known = this.#byRejector.get(rejector);
    if (known !== undefined) return known;
    const index = new Set<QueuedPod>();
    this.#byRejector.set(rejector, index);
    return index;
  }

  /** Those whose time is over become active. */
  #wake(): void {
    const now = this.#now();
    for (const heap of [this.#refused, this.#failed])
      for (let pod = heap.first(); pod !== undefined && backoffEnd(pod) <= now; pod = heap.first()) {
        heap.take();
        pod.place = 'active';
        this.#active.add(pod);
      }
    for (
      let pod = this.#unschedulable.first();
      pod !== undefined && pod.since + MAX_UNSCHEDULABLE_MS <= now;
      pod = this.#unschedulable.first()
    ) {
      this.#leave(pod);
      pod.place = 'active';
      this.#active.add(pod);
    }
  }

  /** One timer for whoever is done waiting first. */
  #setTimer(): void {
    this.close();
    const oldest = this.#unschedulable.first();
    const ends = [this.#refused.first(), this.#failed.first()].flatMap(pod =>
      pod === undefined ? [] : [backoffEnd(pod)],
    );
    if (oldest !== undefined) ends.push(oldest.since + MAX_UNSCHEDULABLE_MS);
    if (ends.length === 0) return;
    const { clock, onReady } = this.#options;
    this.#cancelTimer = clock.after(Math.max(0, Math.min(...ends) - this.#now()), () => {
      this.#wake();
      this.#setTimer();
      if (this.#active.size > 0) onReady();
    });
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

function uidOf({ info }: QueuedPod): string {
  return info.uid;
}

function rejectorsOf({ rejectors }: QueuedPod): Iterable<string> {
  return rejectors.size === 0 ? [ANY] : rejectors;
}

/** Upstream's PreEnqueue plugin SchedulingGates: a pod with gates is not tried. The server tells of it in the pod's condition. */
function isGated({ info }: QueuedPod): boolean {
  return (info.pod.spec.schedulingGates ?? []).length > 0;
}
