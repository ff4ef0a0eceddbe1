import type { Clock } from '../base/clock.ts';
import type { ApiConnection } from '../client/connection.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { createRegistry, type Registry } from '../daemon/metrics.ts';
import { runAll } from '../daemon/run-all.ts';
import { removeIptablesRules, removeNftablesRules } from './act/remove.ts';
import { ProxyHealth } from './report/proxy-health.ts';
import { ProxyMetrics } from './report/proxy-metrics.ts';
import { proxyHealthServer, proxyMetricsServer } from './report/servers.ts';
import type { ProxySettings } from './settings.ts';
import { SyncLoop } from './sync-loop.ts';

export interface ProxyOptions {
  readonly connection: ApiConnection;
  readonly settings: ProxySettings;
  /** What /metrics shows beside what the proxy counts; one of its own unless given. */
  readonly registry?: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The service proxy of a node: what is sent to the address of a service goes to one of its endpoints, by rules of the kernel's. It is ready when the kernel
 * has all rules once. When it ends, and however it ends, the rules stay and serve.
 */
export function serviceProxy(options: ProxyOptions): Component {
  return { name: 'proxy', run: (signal, ready) => runAll(parts(options), signal, ready, options.log) };
}

function parts(options: ProxyOptions): readonly Component[] {
  const { settings, clock, log } = options;
  const registry = options.registry ?? createRegistry();
  const health = new ProxyHealth(clock, settings.healthLimitMs);
  const metrics = new ProxyMetrics(registry, settings.mode);
  const loop = new SyncLoop({ ...options, health, metrics });
  const common = { log, mustListen: settings.bindAddressHardFail };
  return [
    { name: 'proxy-rules', run: (stop, ready) => loop.run(stop, ready) },
    proxyHealthServer({ ...common, address: settings.healthzAddress, health, metrics, node: () => loop.node() }),
    proxyMetricsServer({ ...common, address: settings.metricsAddress, registry, mode: settings.mode }),
  ];
}

/** Takes away everything that a proxy of ours has put into the kernel, in whichever mode. Safe to repeat. */
export async function removeProxyRules(): Promise<void> {
  await removeNftablesRules();
  await removeIptablesRules();
}
