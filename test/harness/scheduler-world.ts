import type { Node, Pod } from '../../src/api/types/gen/core-v1.ts';
import { keyOf } from '../../src/client/api-object.ts';
import { ObjectStore } from '../../src/client/object-store.ts';
import type { PodRefusal, SchedulerEffects } from '../../src/scheduler/effects.ts';
import { FILTERS } from '../../src/scheduler/filter/all.ts';
import { type ObjectPicture, wholePicture } from '../../src/scheduler/picture.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { SchedulingQueue } from '../../src/scheduler/scheduling-queue.ts';
import { World } from '../../src/scheduler/world.ts';
import { FakeClock } from './fake-clock.ts';
import { NO_OBJECTS } from './scheduling.ts';

/** A scheduler whose API server is a pair of stores: what it binds is there at once, and it is told of it when the test says so. */
export class SchedulerWorld {
  readonly clock = new FakeClock();
  readonly nodes = new ObjectStore<Node>();
  readonly pods = new ObjectStore<Pod>();
  readonly refusals: { readonly pod: string; readonly refusal: PodRefusal }[] = [];
  readonly bound: string[] = [];
  readonly skipped: string[] = [];
  readonly preempted: string[] = [];
  /** True: pods that are to go for others stay until the test removes them. */
  holdVictims = false;
  /** What is answered to a binding; undefined: done. */
  answer: (pod: Pod, node: string) => Error | undefined = () => undefined;
  readonly scheduler: Scheduler;
  readonly queue: SchedulingQueue;
  readonly world = new World();
  readonly #signal = new AbortController().signal;
  readonly #unanswered: (() => void)[] = [];
  #version = 0;

  constructor(options: { readonly random?: () => number; readonly objects?: Partial<ObjectPicture> } = {}) {
    const picture = wholePicture(this.world.cluster, { ...NO_OBJECTS, ...options.objects });
    this.queue = new SchedulingQueue({ clock: this.clock, filters: FILTERS, picture, onReady: () => {} });
    this.world.queue = this.queue;
    this.scheduler = new Scheduler({
      world: this.world,
      queue: this.queue,
      picture,
      effects: this.#effects(),
      metrics: { begin: () => () => {}, preempted: () => {} },
      clock: this.clock,
      random: options.random ?? (() => 0),
      onTrouble: () => {},
    });
  }

  /** Writes a node, as somebody would at the server. */
  putNode(node: Node): void {
    const change = this.nodes.put(this.#versioned(node));
    if (change !== undefined) this.scheduler.enqueue(() => this.world.nodeChanged(change));
  }

  removeNode(name: string): void {
    const change = this.nodes.remove(name);
    if (change !== undefined) this.scheduler.enqueue(() => this.world.nodeChanged(change));
  }

  putPod(pod: Pod): void {
    const change = this.pods.put(this.#versioned(pod));
    if (change !== undefined) this.scheduler.enqueue(() => this.world.podChanged(change));
  }

  removePod(key: string): void {
    const change = this.pods.remove(key);
    if (change !== undefined) this.scheduler.enqueue(() => this.world.podChanged(change));
  }

  /** Tries pods until there is none to try, then lets the bindings be answered that were begun, and again until nothing is left to do. */
  async work(): Promise<void> {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      while (await this.scheduler.step(this.#signal)) isDone = false;
      for (const answer of this.#unanswered.splice(0)) answer();
      await this.scheduler.settled();
    }
  }

  /** The node of a pod, by the server. */
  nodeOf(name: string): string | undefined {
    return this.pods.get('default', name)?.spec.nodeName;
  }

  /** The text of the last refusal of a pod. */
  refusalOf(name: string): string | undefined {
    return this.refusals.findLast(({ pod }) => pod === `default/${name}`)?.refusal.message;
  }

  #versioned<T extends Node | Pod>(object: T): T {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #effects(): SchedulerEffects {
    return {
      bind: async (pod, node) => {
        await new Promise<void>(resolve => this.#unanswered.push(resolve));
        const error = this.answer(pod, node);
        if (error !== undefined) throw error;
        const now = this.pods.getByKey(keyOf(pod));
        if (now === undefined || now.metadata.uid !== pod.metadata.uid) throw new Error('not found');
        if (now.spec.nodeName !== undefined) throw new Error('it has a node already');
        this.bound.push(`${keyOf(pod)} ${node}`);
        this.putPod({ ...now, spec: { ...now.spec, nodeName: node } });
      },
      refuse: async (pod, refusal) => {
        this.refusals.push({ pod: keyOf(pod), refusal });
      },
      preempt: async ({ victims, pod }) => {
        await new Promise<void>(resolve => this.#unanswered.push(resolve));
        for (const victim of victims) {
          this.preempted.push(`${keyOf(victim)} for ${keyOf(pod)}`);
          if (!this.holdVictims) this.removePod(keyOf(victim));
        }
        return true;
      },
      skip: pod => {
        this.skipped.push(keyOf(pod));
      },
    };
  }
}
