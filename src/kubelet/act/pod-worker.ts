import { isSidecar, qosClass } from '../../api/pod-resources.ts';
import type { PodStatus } from '../../api/types/gen/core-v1.ts';
import { errorCode, errorMessage, GantryError } from '../../base/errors.ts';
import { joinedSignal } from '../../base/signals.ts';
import {
  type ActionOf,
  changesRuntime,
  describeAction,
  holdsUpOthers,
  type Plan,
  type PodAction,
} from '../decide/actions.ts';
import { containerOf, type NeededImage } from '../decide/needed-images.ts';
import { planPod } from '../decide/plan-pod.ts';
import { planTermination } from '../decide/plan-termination.ts';
import { EMPTY_MEMORY, POD, type PodMemory } from '../decide/pod-memory.ts';
import { computePodStatus } from '../decide/pod-status.ts';
import {
  type ImageAnswer,
  rememberDone,
  rememberFailed,
  rememberImage,
  rememberObjectChange,
  rememberPull,
} from '../decide/remember.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { nothingObserved, type ObservedPod } from '../observed/observed-pod.ts';
import type { PodCache } from '../observed/pod-cache.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import type { StatusStore } from '../report/status-store.ts';
import type { Executors } from './executors.ts';
import type { PodGoal } from './pod-goal.ts';
import type { ActTools, PodTask } from './pod-task.ts';
import { StartFailure } from './start-container.ts';
import { tellFailure, tellStatusChange } from './tell-events.ts';
import { WorkerRest } from './worker-rest.ts';

export interface WorkerTools extends ActTools {
  readonly cache: PodCache;
  readonly statuses: StatusStore;
  readonly executors: Executors;
  readonly probes: Pick<ProbeManager, 'follow' | 'windDown' | 'results' | 'forget'>;
  /** The scheme of container ids. */
  readonly runtimeName: string;
  /** Whether the API server has the status that was reported last; true for a pod that it does not have. A change of that pokes the worker. */
  isTold(uid: string): boolean;
  /** Told once per pod, when all its containers run for the first time. */
  onRunning(pod: DesiredPod): void;
}

/** How long a worker waits after the runtime could not be reached; it is woken earlier when the runtime is back. */
const UNREACHABLE_MS = 1_000;

/**
 * The loop of one pod: look, plan, report, act, look again. It acts on one plan at a time, stops at the first failure, and never resumes a plan. While
 * nothing is to be done it sleeps until the plan's own time or until it is poked.
 */
export class PodWorker {
  readonly uid: string;
  readonly #tools: WorkerTools;
  #goal: PodGoal;
  #memory: PodMemory = EMPTY_MEMORY;
  #stale = false;
  #wasRunning = false;
  #goalChanged = false;
  /** Counts changes of what the pod takes from the API: one that comes in the middle of a step is not lost with its end. */
  #objectChanges = 0;
  readonly #rest: WorkerRest;
  readonly #stopped: { readonly reached: Promise<void>; readonly reach: () => void };
  /** Ends the wait for containers that were asked to end. */
  #kill: AbortController | undefined;
  /** Aborts when the pod has to end: what its containers wait for is not waited for then. */
  readonly #ending = new AbortController();

  constructor(uid: string, goal: PodGoal, tools: WorkerTools) {
    this.uid = uid;
    this.#goal = goal;
    this.#tools = tools;
    this.#rest = new WorkerRest(tools.clock);
    let reach = (): void => {};
    const reached = new Promise<void>(resolve => {
      reach = resolve;
    });
    this.#stopped = { reached, reach };
    if (goal.kind === 'run') tools.objects.watch(goal.desired);
  }

  get goal(): PodGoal {
    return this.#goal;
  }

  /** Safe to repeat. Ending is final; it may only become quicker. */
  setGoal(goal: PodGoal): void {
    if (this.#goal.kind === 'end') {
      if (goal.kind === 'end') this.#hurry(goal.graceSeconds);
      return;
    }
    if (goal.kind === 'run' && this.#goal.desired === goal.desired) return;
    this.#goal = goal;
    this.#goalChanged = true;
    if (goal.kind === 'end') this.#ending.abort();
    if (goal.kind === 'run') {
      this.#tools.objects.watch(goal.desired);
      // volumes may show the pod's own labels and annotations
      this.onObjectChange();
    }
    this.#rest.pokeWithNews();
  }

  /** The machine goes down: the pod ends, and nothing is taken away of it. Resolves when nothing of it runs and that is told. One that ends already only hurries. */
  shutDown(graceSeconds: number): Promise<void> {
    const because = 'the machine is shutting down';
    this.setGoal({ kind: 'end', desired: this.#goal.desired, because, graceSeconds, shutdown: true });
    return this.#stopped.reached;
  }

  /** The machine does not go down: what was kept of a pod that ended for it goes as that of any other. */
  callOffShutdown(): void {
    if (this.#goal.kind !== 'end' || this.#goal.shutdown !== true) return;
    this.#goal = { ...this.#goal, shutdown: false };
    this.#goalChanged = true;
    this.#rest.pokeWithNews();
  }

  /** Something that the pod takes from the API or from the node has changed, or is there at last. */
  onObjectChange(): void {
    this.#memory = rememberObjectChange(this.#memory);
    this.#objectChanges += 1;
    this.#rest.pokeWithNews();
  }

  /** A deletion with less grace than the one before: what waits for containers to end asks anew. */
  #hurry(graceSeconds: number | undefined): void {
    if (this.#goal.kind !== 'end' || graceSeconds === undefined) return;
    const before = this.#goal.graceSeconds ?? this.#goal.desired?.pod.spec.terminationGracePeriodSeconds;
    if (before !== undefined && graceSeconds >= before) return;
    this.#goal = { ...this.#goal, graceSeconds };
    this.#goalChanged = true;
    this.#kill?.abort();
    this.#rest.pokeWithNews();
  }

  /** The runtime has news of this pod; `stale` says that the cache does not have it yet. */
  onNews(stale: boolean): void {
    if (stale) this.#stale = true;
    this.#rest.poke();
  }

  /** Its probes have settled on something else. While containers are given time to end, the loop does not come to tell of it. */
  onProbed(): void {
    const observed = this.#tools.cache.get(this.uid);
    if (this.#kill !== undefined && observed !== undefined) this.#report(observed);
    this.#rest.poke();
  }

  onRuntimeBack(): void {
    this.#rest.pokeWithNews();
  }

  /** Resolves when the pod is gone, or when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#rest.poke();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      this.#rest.begin();
      this.#goalChanged = false;
      const holdUntil = await this.#step(signal);
      if (holdUntil === 'gone') break;
      if (holdUntil === 'again') continue;
      if ('hold' in holdUntil) await this.#rest.hold(holdUntil.hold, signal);
      else await this.#rest.sleep(holdUntil.wakeAt);
    }
    signal.removeEventListener('abort', onAbort);
    this.#stopped.reach();
    this.#tools.probes.forget(this.uid);
    if (!signal.aborted) this.#tools.objects.forget(this.uid);
  }

  async #step(
    signal: AbortSignal,
  ): Promise<'gone' | 'again' | { readonly hold: number } | { readonly wakeAt: number | undefined }> {
    const { clock, log } = this.#tools;
    let observed: ObservedPod;
    try {
      observed = await this.#look(signal);
    } catch (error) {
      if (signal.aborted) return 'again';
      log.warn({ pod: this.#name(), because: errorMessage(error) }, 'the runtime could not be asked about the pod');
      return { hold: clock.now() + UNREACHABLE_MS };
    }
    this.#probe(observed);
    // told first: what ends a pod waits until that is known
    this.#report(observed);
    const plan = this.#plan(observed);
    if (plan.gone) return 'gone';
    if (plan.stopped === true) this.#stopped.reach();
    if (plan.actions.length === 0) return { wakeAt: plan.wakeAt };
    return this.#execute(plan.actions, observed, signal);
  }

  async #look(signal: AbortSignal): Promise<ObservedPod> {
    const { cache } = this.#tools;
    if (this.#stale) {
      this.#stale = false;
      try {
        await cache.refresh(this.uid, signal);
      } catch (error) {
        this.#stale = true;
        throw error;
      }
    }
    const known = cache.get(this.uid);
    if (known !== undefined) return known;
    const { name = '', namespace = '' } = this.#goal.desired ?? {};
    return nothingObserved({ uid: this.uid, name, namespace });
  }

  /** A pod whose manifest is not known is not probed: nobody is told of it. */
  #probe(observed: ObservedPod): void {
    const { probes } = this.#tools;
    const { kind, desired } = this.#goal;
    if (desired === undefined) return;
    if (kind === 'run') probes.follow(desired, observed, this.#told(desired));
    else probes.windDown(desired, observed, this.#told(desired));
  }

  /** What was said of the pod last, by this kubelet or the one before. */
  #told(desired: DesiredPod): PodStatus | undefined {
    return this.#tools.statuses.statusOf(this.uid) ?? (desired.source === 'api' ? desired.pod.status : undefined);
  }

  #plan(observed: ObservedPod): Plan {
    const goal = this.#goal;
    const { clock, settings } = this.#tools;
    if (goal.kind === 'run')
      return planPod({
        desired: goal.desired,
        observed,
        memory: this.#memory,
        probed: this.#tools.probes.results(this.uid),
        now: clock.now(),
        crashBackoff: settings.crashBackoff,
        startTime: this.#told(goal.desired)?.startTime,
        previous: this.#told(goal.desired),
      });
    const spec = goal.desired?.pod.spec;
    return planTermination({
      observed,
      memory: this.#memory,
      sidecars: (spec?.initContainers ?? []).filter(isSidecar).map(c => c.name),
      graceSeconds: goal.graceSeconds ?? spec?.terminationGracePeriodSeconds,
      untold: goal.desired?.source === 'api' && !this.#tools.isTold(this.uid),
      keepRest: goal.shutdown === true,
      because: goal.because,
    });
  }

  #report(observed: ObservedPod): void {
    const { statuses, settings, clock, runtimeName, onRunning, events, probes } = this.#tools;
    const { desired, kind } = this.#goal;
    if (desired === undefined) return;
    const previous = this.#told(desired);
    const status = computePodStatus({
      desired,
      observed,
      memory: this.#memory,
      probed: probes.results(this.uid),
      now: clock.now(),
      crashBackoff: settings.crashBackoff,
      previous,
      startTime: previous?.startTime,
      hostIPs: settings.hostIPs,
      runtimeName,
      qosClass: qosClass(desired.pod),
      terminating: kind === 'end',
      shutdown: this.#goal.kind === 'end' && this.#goal.shutdown === true,
    });
    statuses.report(this.uid, desired.pod, status);
    tellStatusChange(events, desired, previous, status);
    if (this.#wasRunning || status.phase !== 'Running') return;
    if (status.containerStatuses?.every(c => c.state.running !== undefined) !== true) return;
    this.#wasRunning = true;
    onRunning(desired);
  }

  /** Runs the plan to its end or its first failure. */
  async #execute(
    actions: readonly PodAction[],
    observed: ObservedPod,
    signal: AbortSignal,
  ): Promise<'again' | { readonly hold: number }> {
    const { log, clock } = this.#tools;
    for (const action of actions) {
      // what was planned for the pod as it was is not done to the pod as it is now
      if (this.#goalChanged) return 'again';
      const task = this.#task(observed);
      log.info({ pod: this.#name(), uid: this.uid }, describeAction(action));
      if (changesRuntime(action)) this.#stale = true;
      const cut = new AbortController();
      const changes = this.#objectChanges;
      this.#kill = action.kind === 'kill-containers' ? cut : undefined;
      try {
        await this.#dispatch(action, task, this.#kill === undefined ? signal : joinedSignal(cut.signal, signal));
        this.#memory = rememberDone(this.#memory, action);
        if (changes !== this.#objectChanges) this.#memory = rememberObjectChange(this.#memory);
      } catch (error) {
        if (signal.aborted || cut.signal.aborted) return 'again';
        if (errorCode(error) === 'unavailable') {
          log.warn({ pod: this.#name(), because: errorMessage(error) }, `${action.kind} was cut off`);
          return { hold: clock.now() + UNREACHABLE_MS };
        }
        const outcome = this.#failed(action, error);
        if (changes !== this.#objectChanges) this.#memory = rememberObjectChange(this.#memory);
        return outcome;
      } finally {
        this.#kill = undefined;
        cut.abort();
      }
    }
    return 'again';
  }

  #failed(action: PodAction, error: unknown): 'again' | { readonly hold: number } {
    const { log, clock } = this.#tools;
    const failure = {
      reason: error instanceof GantryError ? error.reason : undefined,
      message: errorMessage(error),
      containerId: error instanceof StartFailure ? error.containerId : undefined,
    };
    this.#memory = rememberFailed(this.#memory, action, failure, clock.now());
    const container = 'container' in action ? action.container : undefined;
    tellFailure(this.#tools.events, this.#goal.desired, action, failure);
    const retryAt = this.#memory.failures.get(container ?? POD)?.retryAt ?? clock.now() + UNREACHABLE_MS;
    log.warn(
      { pod: this.#name(), uid: this.uid, container, retryInMs: retryAt - clock.now(), because: failure.message },
      `${action.kind} failed`,
    );
    // the next plan knows when it may be tried again
    return holdsUpOthers(action) ? { hold: retryAt } : 'again';
  }

  #dispatch<K extends PodAction['kind']>(action: ActionOf<K>, task: PodTask, signal: AbortSignal): Promise<void> {
    const execute = this.#tools.executors[action.kind as K];
    return execute(action, task, signal);
  }

  #task(observed: ObservedPod): PodTask {
    return {
      uid: this.uid,
      desired: this.#goal.desired,
      observed,
      memory: this.#memory,
      ending: this.#ending.signal,
      onImage: (needed, answer) => {
        this.#memory = rememberImage(this.#memory, needed, answer, this.#tools.clock.now());
        this.#tellImage(needed, answer);
      },
      onPulled: (needed, outcome) => {
        this.#memory = rememberPull(this.#memory, needed, outcome, this.#tools.clock.now());
        this.#tellImage(needed, outcome);
      },
    };
  }

  #tellImage(needed: NeededImage, answer: ImageAnswer): void {
    const { log, events } = this.#tools;
    const { desired } = this.#goal;
    const name = containerOf(needed);
    if (answer === 'cut-off')
      log.warn({ pod: this.#name(), container: name, image: needed.image }, 'the pull of its image was cut off');
    else if (answer !== 'pulling' && 'reason' in answer) {
      log.warn({ pod: this.#name(), container: name, because: answer.message }, answer.reason);
      if (desired !== undefined) events.record(desired, 'Warning', 'Failed', `Error: ${answer.reason}`, name);
    }
    this.#rest.poke();
  }

  #name(): string {
    const { desired } = this.#goal;
    const { namespace, name } = desired ?? this.#tools.cache.get(this.uid) ?? { namespace: '', name: this.uid };
    return `${namespace}/${name}`;
  }
}
