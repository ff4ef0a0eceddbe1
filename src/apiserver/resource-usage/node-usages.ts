import type { Node } from '../../api/types/gen/core-v1.ts';
import { forEachAtOnce } from '../../base/at-once.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { Scrape } from './scrape.ts';
import { type NodeUsage, usageBetween } from './usage.ts';

export interface NodeUsagesOptions {
  /** Asks a node's kubelet. Rejects where it does not answer. */
  scrape(node: Node, signal: AbortSignal): Promise<Scrape>;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

/** Who asks again within this time is told the same. */
const FRESH_MS = 5_000;
/** The span of a first answer: nobody has asked before, so the kubelet is asked twice. */
const FIRST_SPAN_MS = 1_000;
/** An older scrape says what was, not what is: then the kubelet is asked twice. */
const MAX_SPAN_MS = 60_000;
/** A kubelet that takes longer does not answer. */
const SCRAPE_MS = 4_000;
/** One that did not answer is asked again after this time, and not waited for longer than `AGAIN_MS`: it must not hold up the answers about all others. */
const REST_MS = 15_000;
const AGAIN_MS = 500;
/** Kubelets that are asked at the same time. */
const AT_ONCE = 32;
/** What nobody has asked for so long is forgotten. */
const FORGET_MS = 300_000;

interface Known {
  scrape?: { readonly scrape: Scrape; readonly at: number };
  usage?: { readonly usage: NodeUsage; readonly at: number };
  failedAt?: number;
  running?: Promise<void>;
  askedAt: number;
}

/**
 * What nodes and their pods use, asked of kubelets when somebody wants to know and not otherwise: a cluster in which nobody looks costs nothing. CPU is a matter of two scrapes; the
 * older one is that of the last question where it is recent. Each server does this for itself.
 */
export class NodeUsages {
  readonly #options: NodeUsagesOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: NodeUsagesOptions) {
    this.#options = options;
  }

  /** By the names of the nodes, in their order; those whose kubelets do not answer are left out. Never rejects. */
  async of(nodes: readonly Node[]): Promise<ReadonlyMap<string, NodeUsage>> {
    this.#forget();
    const usages = new Map<string, NodeUsage | undefined>(nodes.map(node => [node.metadata.name ?? '', undefined]));
    await forEachAtOnce(nodes, AT_ONCE, async node => {
      usages.set(node.metadata.name ?? '', await this.#usageOf(node));
    });
    return new Map([...usages].flatMap(([name, usage]) => (usage === undefined ? [] : [[name, usage]])));
  }

  async #usageOf(node: Node): Promise<NodeUsage | undefined> {
    const { clock } = this.#options;
    const key = `${node.metadata.name}/${node.metadata.uid}`;
    const now = clock.monotonic();
    const known = this.#known.get(key) ?? { askedAt: now };
    this.#known.set(key, known);
    known.askedAt = now;
    if (known.usage !== undefined && now - known.usage.at < FRESH_MS) return known.usage.usage;
    const failed = known.failedAt !== undefined;
    if (known.running === undefined) {
      if (known.failedAt !== undefined && now - known.failedAt < REST_MS) return undefined;
      known.running = this.#ask(node, known).finally(() => {
        delete known.running;
      });
    }
    if (failed) await Promise.race([known.running, wait(AGAIN_MS, clock)]);
    else await known.running;
    return known.failedAt === undefined ? known.usage?.usage : undefined;
  }

  async #ask(node: Node, known: Known): Promise<void> {
    const { clock, log } = this.#options;
    try {
      const first = await this.#scrape(node);
      let before = known.scrape;
      let after = first;
      const age = before === undefined ? Number.NaN : first.at - before.at;
      if (before === undefined || !(age >= FIRST_SPAN_MS && age <= MAX_SPAN_MS)) {
        before = first;
        await wait(FIRST_SPAN_MS, clock);
        after = await this.#scrape(node);
      }
      known.scrape = after;
      known.usage = { usage: usageBetween(before.scrape, after.scrape), at: after.at };
      delete known.failedAt;
    } catch (error) {
      // said once, not with each question
      if (known.failedAt === undefined)
        log.warn({ node: node.metadata.name, because: errorMessage(error) }, 'the kubelet did not tell what is used');
      known.failedAt = clock.monotonic();
      delete known.usage;
    }
  }

  async #scrape(node: Node): Promise<{ scrape: Scrape; at: number }> {
    const scrape = await this.#options.scrape(node, AbortSignal.timeout(SCRAPE_MS));
    return { scrape, at: this.#options.clock.monotonic() };
  }

  #forget(): void {
    const now = this.#options.clock.monotonic();
    for (const [key, { askedAt, running }] of this.#known)
      if (running === undefined && now - askedAt > FORGET_MS) this.#known.delete(key);
  }
}

function wait(ms: number, clock: Clock): Promise<void> {
  return sleep(ms, undefined, clock);
}
