import type { Pod } from '../../api/types/gen/core-v1.ts';
import { sleep } from '../../base/signals.ts';
import type { Rejection } from '../decide/admit-pod.ts';
import { rejectedStatus } from '../decide/pod-status.ts';
import { allocatedBefore, keptAt, podSize } from '../decide/resize.ts';
import { type DesiredPod, fullName, type PodSource } from '../desired/desired-pod.ts';
import type { DesiredSet } from '../desired/merge-sources.ts';
import type { ObservedPod } from '../observed/observed-pod.ts';
import { BurstableWeight } from '../resources/burstable-weight.ts';
import { ANNOTATION, configHash } from '../runtime/labels.ts';
import { goalOf, goneFrom, type PodGoal } from './pod-goal.ts';
import { PodWorker, type WorkerTools } from './pod-worker.ts';

/** A worker fails only by a fault in this program; the pause keeps such a fault from using up a CPU. */
const WORKER_RESTART_MS = 1_000;
/** With a uid that the manifest gives: the pod ends as it was, and then the one of the new manifest is run. */
const CHANGED = 'its manifest changed';

export interface PodManagerOptions extends WorkerTools {
  /** All sources that there are. */
  readonly sources: readonly PodSource[];
  /** Uids of which there is a directory under the root. */
  podDirs(): readonly string[];
  /** Why this node does not take a pod of the API server, beside those that are here already; undefined where it does. */
  admit(pod: DesiredPod, others: readonly DesiredPod[]): Rejection | undefined;
  /** Why a pod that runs cannot get the amounts that it now asks for, beside those others; undefined where it can. */
  refuseResize(
    pod: DesiredPod,
    others: readonly DesiredPod[],
  ): { readonly reason: 'Deferred' | 'Infeasible'; readonly message: string } | undefined;
  /** The machine goes down: no pod begins. */
  isShuttingDown(): boolean;
  /** A pod of the API server was ended and nothing of it is left on this node. Told again until the pod is not wanted any more. */
  onGone(pod: DesiredPod): void;
}

/**
 * Keeps one worker for each pod that is wanted or that is still there. Nothing is ended that a source might want which has not been read yet, and nothing is done
 * before the runtime has.
 */
export class PodManager {
  readonly #options: PodManagerOptions;
  readonly #signal: AbortSignal;
  readonly #workers = new Map<string, { readonly worker: PodWorker; readonly done: Promise<void> }>();
  readonly #told = new Set<string>();
  /** Deleted pods that are ended and that the API server still has. */
  readonly #gone = new Set<string>();
  /** Pods of which the runtime told something while they had no worker: the cache is behind. */
  readonly #unheard = new Set<string>();
  /** Pods that this node did not take. */
  readonly #rejected = new Set<string>();
  #desired: DesiredSet | undefined;
  #relisted = false;
  #swept = false;
  readonly #burstable: BurstableWeight;

  constructor(options: PodManagerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#burstable = new BurstableWeight(options, signal);
  }

  setDesired(set: DesiredSet): void {
    this.#desired = set;
    this.#reconcile();
  }

  /** The runtime was read as a whole, which also says that it can be reached. */
  onRelist(): void {
    this.#relisted = true;
    for (const uid of this.#unheard) if (this.#options.cache.get(uid) === undefined) this.#unheard.delete(uid);
    for (const { worker } of this.#workers.values()) worker.onRuntimeBack();
    this.#reconcile();
  }

  /** `stale`: the cache does not show it yet. What comes before a pod has a worker is kept for that: its source may not have been read. */
  onNews(uids: readonly string[], stale: boolean): void {
    for (const uid of uids) {
      const own = this.#workers.get(uid);
      if (own !== undefined) own.worker.onNews(stale);
      else if (stale) this.#unheard.add(uid);
    }
  }

  /** The probes of a pod have settled on something else. */
  onProbed(uid: string): void {
    this.#workers.get(uid)?.worker.onProbed();
  }

  /** What these pods take from the API has changed. */
  onObjectChange(uids: readonly string[]): void {
    for (const uid of uids) this.#workers.get(uid)?.worker.onObjectChange();
  }

  /** The network is there, or is there again: who waits for it goes on. */
  onNetworkReady(): void {
    for (const { worker } of this.#workers.values()) worker.onObjectChange();
  }

  /** Pods of which something may run. */
  living(): readonly DesiredPod[] {
    return [...this.#workers.values()].flatMap(({ worker }) => {
      const { desired } = worker.goal;
      return desired === undefined || desired.finished === true ? [] : [desired];
    });
  }

  /** Ends a pod because the machine goes down (PodWorker.shutDown). One that is not here is fine. */
  async shutDown(uid: string, graceSeconds: number): Promise<void> {
    await this.#workers.get(uid)?.worker.shutDown(graceSeconds);
  }

  /** The machine does not go down after all: those of manifests begin again. */
  callOffShutdown(): void {
    for (const { worker } of this.#workers.values()) worker.callOffShutdown();
    this.#reconcile();
  }

  /** Resolves when every worker has ended; they do when the signal aborts. Containers run on. */
  async ended(): Promise<void> {
    while (this.#workers.size > 0) await Promise.all([...this.#workers.values()].map(w => w.done));
  }

  get size(): number {
    return this.#workers.size;
  }

  #reconcile(): void {
    if (this.#desired === undefined || !this.#relisted || this.#signal.aborted) return;
    const { pods, badFiles, known } = this.#desired;
    const wanted = new Map(pods.map(p => [p.uid, p]));
    const { cache } = this.#options;
    for (const uid of this.#told) if (wanted.has(uid) || cache.get(uid) === undefined) this.#told.delete(uid);
    for (const uid of [...this.#gone, ...this.#rejected]) if (!wanted.has(uid)) this.#leave(uid);
    for (const [uid, { worker }] of this.#workers)
      if (!wanted.has(uid))
        worker.setGoal({ kind: 'end', desired: worker.goal.desired, because: goneFrom(worker.goal) });
    for (const observed of cache.all()) if (!wanted.has(observed.uid)) this.#endOrphan(observed, badFiles, known);
    if (this.#options.sources.every(source => known.has(source))) this.#sweepDirectories(wanted);
    this.#burstable.weigh(pods);
    for (const pod of pods) this.#want(pod);
  }

  #want(pod: DesiredPod): void {
    if (this.#gone.has(pod.uid) || (this.#rejected.has(pod.uid) && pod.deletion === undefined)) return;
    const own = this.#workers.get(pod.uid);
    if (own !== undefined) {
      const { desired } = own.worker.goal;
      if (
        desired !== undefined &&
        configHash(desired.pod.metadata.annotations) !== configHash(pod.pod.metadata.annotations)
      )
        own.worker.setGoal({ kind: 'end', desired, because: CHANGED });
      else own.worker.setGoal(goalOf(this.#allocated(pod, desired?.pod)));
      return;
    }
    const [sandbox] = this.#options.cache.get(pod.uid)?.sandboxes ?? [];
    if (sandbox !== undefined && configHash(sandbox.annotations) !== configHash(pod.pod.metadata.annotations)) {
      this.#start(pod.uid, { kind: 'end', desired: undefined, because: CHANGED });
      return;
    }
    for (const { worker } of this.#workers.values()) {
      const other = worker.goal.desired ?? this.#options.cache.get(worker.uid);
      // the name is taken until its old bearer is gone; its end brings us here again
      if (other !== undefined && fullName(other) === fullName(pod)) return;
    }
    // those of the API server are told that they are not taken
    if (pod.source === 'file' && this.#options.isShuttingDown()) return;
    this.#say(pod);
    if (!this.#takes(pod)) return;
    const isHere = this.#options.cache.get(pod.uid) !== undefined;
    this.#start(pod.uid, goalOf(this.#allocated(pod, isHere ? allocatedBefore(pod.pod) : undefined)));
  }

  /** A pod that runs gets other amounts where the node has them; until then it keeps those of `allocated`, and says why. */
  #allocated(pod: DesiredPod, allocated: Pod | undefined): DesiredPod {
    const settled = pod.source === 'file' || pod.finished === true || pod.deletion !== undefined;
    if (settled || allocated === undefined || podSize(allocated) === podSize(pod.pod)) return pod;
    const others = [...this.#workers.values()].flatMap(({ worker }) => {
      const { desired } = worker.goal;
      return desired === undefined || desired.uid === pod.uid || desired.finished === true ? [] : [desired];
    });
    const refusal = this.#options.refuseResize(pod, others);
    if (refusal === undefined) return pod;
    const known = this.#workers.get(pod.uid)?.worker.goal.desired;
    const kept = keptAt(pod, allocated, refusal.reason, refusal.message);
    // the very same goal is no news
    return known?.resizePending?.message === refusal.message && JSON.stringify(known) === JSON.stringify(kept)
      ? known
      : kept;
  }

  /** Asked once, before anything of a pod is here: what runs was taken, whatever changed since. A pod that is not taken has failed. */
  #takes(pod: DesiredPod): boolean {
    const { cache, statuses, events, clock, log, admit } = this.#options;
    if (pod.source === 'file' || pod.finished === true || pod.deletion !== undefined) return true;
    if (cache.get(pod.uid) !== undefined) return true;
    const here = (each: DesiredPod): boolean =>
      each.uid !== pod.uid &&
      each.finished !== true &&
      !this.#gone.has(each.uid) &&
      (this.#workers.has(each.uid) || cache.get(each.uid) !== undefined);
    const others = (this.#desired?.pods ?? []).filter(here);
    // what a pod runs with counts, not what it would like to have
    const rejection = admit(
      pod,
      others.map(each => this.#workers.get(each.uid)?.worker.goal.desired ?? each),
    );
    if (rejection === undefined) return true;
    const { reason, message } = rejection;
    this.#rejected.add(pod.uid);
    log.warn({ pod: fullName(pod), uid: pod.uid, reason, because: message }, 'the pod was rejected');
    events.record(pod, 'Warning', reason, message);
    statuses.report(pod.uid, pod.pod, rejectedStatus(pod.pod, rejection, clock.now()));
    return false;
  }

  /** Ends a pod that runs and that nobody asks for. Pods of others are left alone, and so is one whose manifest is only unreadable just now. */
  #endOrphan(observed: ObservedPod, badFiles: ReadonlySet<string>, known: ReadonlySet<PodSource>): void {
    if (this.#workers.has(observed.uid)) return;
    const annotations = observed.sandboxes[0]?.annotations;
    const source = annotations?.[ANNOTATION.configSource];
    if (annotations === undefined || (source !== 'file' && source !== 'api') || !known.has(source)) return;
    if (source === 'api') {
      this.#start(observed.uid, { kind: 'end', desired: undefined, because: 'the API server does not have it' });
      return;
    }
    const file = annotations[ANNOTATION.manifestFile] ?? '';
    if (badFiles.has(file)) {
      if (!this.#told.has(observed.uid))
        this.#options.log.warn(
          { pod: fullName(observed), file },
          'its manifest is unreadable: the pod is left as it is until the file is right or removed',
        );
      this.#told.add(observed.uid);
      return;
    }
    this.#start(observed.uid, { kind: 'end', desired: undefined, because: 'no manifest asks for it' });
  }

  /** Directories of pods that are neither wanted nor there: left by a crash in the middle of a removal. Looked for once. */
  #sweepDirectories(wanted: ReadonlyMap<string, DesiredPod>): void {
    if (this.#swept) return;
    this.#swept = true;
    for (const uid of this.#options.podDirs()) {
      if (wanted.has(uid) || this.#workers.has(uid) || this.#options.cache.get(uid) !== undefined) continue;
      this.#start(uid, { kind: 'end', desired: undefined, because: 'its directory is left over' });
    }
  }

  #start(uid: string, goal: PodGoal): void {
    const worker = new PodWorker(uid, goal, this.#options);
    if (this.#unheard.delete(uid)) worker.onNews(true);
    const done = worker.run(this.#signal).then(
      () => this.#ended(uid),
      async (error: unknown) => {
        this.#options.log.error({ uid, err: error }, 'a pod worker failed; it is started again');
        await sleep(WORKER_RESTART_MS, this.#signal, this.#options.clock).catch(() => undefined);
        this.#workers.delete(uid);
        // whatever it was told of last
        this.#unheard.add(uid);
        this.#reconcile();
      },
    );
    this.#workers.set(uid, { worker, done });
  }

  #ended(uid: string): void {
    const goal = this.#workers.get(uid)?.worker.goal;
    this.#workers.delete(uid);
    this.#told.delete(uid);
    if (this.#signal.aborted) return;
    const pod = this.#desired?.pods.find(p => p.uid === uid);
    if (goal?.kind === 'end' && pod?.deletion !== undefined) {
      this.#gone.add(uid);
      this.#options.onGone(pod);
    } else this.#leave(uid);
    this.#reconcile();
  }

  #leave(uid: string): void {
    this.#gone.delete(uid);
    this.#rejected.delete(uid);
    this.#options.statuses.forget(uid);
  }

  /** What the pod asks for and does not get yet, said once per pod. */
  #say(pod: DesiredPod): void {
    const { log } = this.#options;
    const name = fullName(pod);
    if (pod.pod.spec.dnsPolicy === 'ClusterFirst' && this.#options.settings.dns.clusterDns.length === 0)
      log.debug({ pod: name }, 'no cluster DNS is configured: the pod gets the resolver of the node');
  }
}
