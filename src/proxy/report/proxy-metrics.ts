import type { IpFamily } from '../../base/cidr.ts';
import { Counter, Gauge, Histogram, type Registry } from '../../daemon/metrics.ts';
import type { ProxyMode } from '../settings.ts';

/** The value of the label `ip_family`. */
export function familyLabel(family: IpFamily): 'IPv4' | 'IPv6' {
  return family === 4 ? 'IPv4' : 'IPv6';
}

const exponential = (count: number): number[] => Array.from({ length: count }, (_, i) => 0.001 * 2 ** i);
const linear = (start: number, width: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => start + width * i);
/** upstream: network_programming_duration_seconds. */
const PROGRAMMING_BUCKETS = [
  ...linear(0.25, 0.25, 2),
  ...linear(1, 1, 59),
  ...linear(60, 5, 12),
  ...linear(120, 30, 7),
];

export interface WithoutLocal {
  readonly family: IpFamily;
  readonly internal: number;
  readonly external: number;
}

/** What a proxy counts, by upstream's names (pkg/proxy/metrics). */
export class ProxyMetrics {
  readonly #registry: Registry;
  readonly syncDuration: Histogram<'ip_family'>;
  readonly fullSyncDuration: Histogram<'ip_family'>;
  readonly partialSyncDuration: Histogram<'ip_family'>;
  readonly lastSync: Gauge<'ip_family'>;
  readonly lastQueued: Gauge<'ip_family'>;
  readonly programmingDuration: Histogram<'ip_family'>;
  readonly endpointChanges: Counter;
  readonly serviceChanges: Counter;
  readonly syncFailures: Counter<'ip_family'>;
  readonly healthz: Counter<'code'>;
  readonly livez: Counter<'code'>;
  readonly conntrackDuration: Histogram<'ip_family'>;
  readonly conntrackDeleted: Counter<'ip_family'>;

  constructor(registry: Registry, mode: ProxyMode) {
    this.#registry = registry;
    const rules = 'sync_proxy_rules';
    this.syncDuration = this.#histogram(`${rules}_duration_seconds`, 'SyncProxyRules latency in seconds');
    this.fullSyncDuration = this.#histogram(
      'sync_full_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for full resyncs',
    );
    this.partialSyncDuration = this.#histogram(
      'sync_partial_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for partial resyncs',
    );
    this.lastSync = this.#familyGauge(
      `${rules}_last_timestamp_seconds`,
      'The last time proxy rules were successfully synced',
    );
    this.lastQueued = this.#familyGauge(
      `${rules}_last_queued_timestamp_seconds`,
      'The last time a sync of proxy rules was queued',
    );
    this.programmingDuration = this.#histogram(
      'network_programming_duration_seconds',
      'In Cluster Network Programming Latency in seconds',
      PROGRAMMING_BUCKETS,
    );
    this.endpointChanges = this.#counter(`${rules}_endpoint_changes_total`, 'Cumulative proxy rules Endpoint changes');
    this.serviceChanges = this.#counter(`${rules}_service_changes_total`, 'Cumulative proxy rules Service changes');
    this.syncFailures =
      mode === 'nftables'
        ? this.#familyCounter(`${rules}_nftables_sync_failures_total`, 'Cumulative proxy nftables sync failures')
        : this.#familyCounter(`${rules}_iptables_restore_failures_total`, 'Cumulative proxy iptables restore failures');
    this.healthz = this.#codeCounter('proxy_healthz_total', 'Cumulative proxy healthz HTTP status');
    this.livez = this.#codeCounter('proxy_livez_total', 'Cumulative proxy livez HTTP status');
    this.conntrackDuration = this.#histogram(
      'conntrack_reconciler_sync_duration_seconds',
      'ReconcileConntrackFlowsLatency latency in seconds',
    );
    this.conntrackDeleted = this.#familyCounter(
      'conntrack_reconciler_deleted_entries_total',
      'Cumulative conntrack flows deleted by conntrack reconciler',
    );
  }

  /** Asks how many changes wait whenever somebody reads the metrics. */
  countPending(count: () => { readonly services: number; readonly slices: number }): void {
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name: `kubeproxy_sync_proxy_rules_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(value());
        },
      });
    };
    gauge('endpoint_changes_pending', 'Pending proxy rules Endpoint changes', () => count().slices);
    gauge('service_changes_pending', 'Pending proxy rules Service changes', () => count().services);
  }

  /** Asks for the counts of services without local endpoints whenever somebody reads the metrics. */
  countWithoutLocal(count: () => readonly WithoutLocal[]): void {
    const name = 'kubeproxy_sync_proxy_rules_no_local_endpoints_total';
    new Gauge({
      name,
      help: 'Number of services with a Local traffic policy and no endpoints',
      labelNames: ['traffic_policy', 'ip_family'] as const,
      registers: [this.#registry],
      collect() {
        for (const { family, internal, external } of count()) {
          this.set({ traffic_policy: 'internal', ip_family: familyLabel(family) }, internal);
          this.set({ traffic_policy: 'external', ip_family: familyLabel(family) }, external);
        }
      },
    });
  }

  #histogram(name: string, help: string, buckets = exponential(15)): Histogram<'ip_family'> {
    const labelNames = ['ip_family'] as const;
    return new Histogram({ name: `kubeproxy_${name}`, help, labelNames, buckets, registers: [this.#registry] });
  }

  #familyGauge(name: string, help: string): Gauge<'ip_family'> {
    return new Gauge({ name: `kubeproxy_${name}`, help, labelNames: ['ip_family'], registers: [this.#registry] });
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name: `kubeproxy_${name}`, help, registers: [this.#registry] });
  }

  #familyCounter(name: string, help: string): Counter<'ip_family'> {
    return new Counter({ name: `kubeproxy_${name}`, help, labelNames: ['ip_family'], registers: [this.#registry] });
  }

  #codeCounter(name: string, help: string): Counter<'code'> {
    return new Counter({ name: `kubeproxy_${name}`, help, labelNames: ['code'], registers: [this.#registry] });
  }
}
