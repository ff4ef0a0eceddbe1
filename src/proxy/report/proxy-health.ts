import type { Node } from '../../api/types/gen/core-v1.ts';
import type { IpFamily } from '../../base/cidr.ts';
import type { Clock } from '../../base/clock.ts';
import { familyLabel } from './proxy-metrics.ts';

/** What /healthz and /livez answer, in upstream's form. */
export interface HealthAnswer {
  readonly lastUpdated: string;
  readonly currentTime: string;
  readonly nodeEligible?: boolean;
  readonly healthy: boolean;
  readonly status: Readonly<Record<string, { readonly lastUpdated: string; readonly healthy: boolean }>>;
}

/** Set by the cluster autoscaler on nodes that it is about to remove. */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler';
const NEVER = '0001-01-01T00:00:00Z';

/** Whether changes reach the kernel in time: unhealthy is a proxy whose oldest change waits for longer than the limit. */
export class ProxyHealth {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #updated = new Map<IpFamily, number>();
  /** Since when the oldest change waits, on the clock that never goes back. */
  readonly #queued = new Map<IpFamily, number>();

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** There is something that the kernel does not know yet. */
  queue(family: IpFamily): void {
    if (!this.#queued.has(family)) this.#queued.set(family, this.#clock.monotonic());
  }

  /** The kernel knows everything. */
  update(family: IpFamily): void {
    this.#queued.delete(family);
    this.#updated.set(family, this.#clock.now());
  }

  get isHealthy(): boolean {
    return [...this.#updated.keys()].every(family => this.#isInTime(family));
  }

  /** Whether load balancers may send to this node: not where it is about to go. */
  static isEligible(node: Node | undefined): boolean {
    if (node === undefined || node.metadata.deletionTimestamp !== undefined) return false;
    return !(node.spec.taints ?? []).some(({ key }) => key === TO_BE_DELETED_TAINT);
  }

  /** `nodeEligible` where it counts too. A healthy proxy was updated just now: nothing waits. */
  answer(nodeEligible: boolean | undefined): { readonly isOk: boolean; readonly body: HealthAnswer } {
    const now = new Date(this.#clock.now()).toISOString();
    const latest = Math.max(...this.#updated.values(), 0);
    const isOk = this.isHealthy && nodeEligible !== false;
    const status = Object.fromEntries(
      [...this.#updated].map(([family, at]) => [
        familyLabel(family),
        { lastUpdated: new Date(at).toISOString(), healthy: this.#isInTime(family) },
      ]),
    );
    return {
      isOk,
      body: {
        lastUpdated: isOk ? now : latest === 0 ? NEVER : new Date(latest).toISOString(),
        currentTime: now,
        ...(nodeEligible === undefined ? {} : { nodeEligible }),
        healthy: this.isHealthy,
        status,
      },
    };
  }

  #isInTime(family: IpFamily): boolean {
    const since = this.#queued.get(family);
    return since === undefined || this.#clock.monotonic() - since < this.#limitMs;
  }
}
