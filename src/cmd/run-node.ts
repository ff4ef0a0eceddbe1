import { systemClock } from '../base/clock.ts';
import type { Component } from '../daemon/component.ts';
import { createRegistry } from '../daemon/metrics.ts';
import { podNetwork } from '../network/network.ts';
import { readProxyConfiguration } from '../proxy/configuration.ts';
import { serviceProxy } from '../proxy/proxy.ts';
import { proxySettings } from '../proxy/settings.ts';
import { type KubeletFlags, type NodeBase, runKubelet } from './run-kubelet.ts';

/** Flags of `gantry run node`: those of the kubelet, and what its other parts need. */
export interface NodeFlags extends KubeletFlags {
  readonly proxyConfig?: string;
  readonly clusterCidr?: string;
  readonly cniConfDir: string;
}

/** `gantry run node`: the per-host daemon. With an API server it is kubelet, pod network and service proxy; without, the kubelet. Returns the exit code. */
export function runNode(flags: NodeFlags): Promise<number> {
  return runKubelet(flags, 'node', base => besideKubelet(flags, base));
}

function besideKubelet(flags: NodeFlags, { connection, nodeName, log }: NodeBase): readonly Component[] {
  const config = readProxyConfiguration(flags.proxyConfig, flags);
  const settings = proxySettings(config, nodeName);
  const common = { connection, clock: systemClock, log };
  const clusterCidrs = config.clusterCIDR.split(',').filter(text => text !== '');
  return [
    podNetwork({ ...common, nodeName, clusterCidrs, confDir: flags.cniConfDir }),
    ...serviceProxy({ ...common, settings, registry: createRegistry() }),
  ];
}
