import { systemClock } from '../base/clock.ts';
import { DEFAULT_CRI_CONFIG_FILE, readCriConfig } from '../cri/config-file.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { createRegistry } from '../daemon/metrics.ts';
import { runAgain } from '../daemon/run-again.ts';
import { dnsServer } from '../dns/dns-server.ts';
import { podNetwork } from '../network/network.ts';
import { readProxyConfiguration } from '../proxy/configuration.ts';
import { serviceProxy } from '../proxy/proxy.ts';
import { proxySettings } from '../proxy/settings.ts';
import { unheededByProxy } from '../proxy/unheeded-fields.ts';
import { cniSocket, cniSocketPath } from './cni-socket.ts';
import { booleanFlag } from './flag-values.ts';
import type { KubeletFlags } from './kubelet-flags.ts';
import { listenAddress } from './run-dns.ts';
import { type NodeBase, runKubelet } from './run-kubelet.ts';
import { tellUnheeded } from './tell-unheeded.ts';

/** Flags of `gantry run node`: those of the kubelet, and what its other parts need. */
export interface NodeFlags extends KubeletFlags {
  readonly proxy: string;
  readonly dns: string;
  readonly proxyConfig?: string;
  readonly proxyMode?: string;
  readonly clusterCidr?: string;
  readonly cniConfDir: string;
  readonly clusterDomain: string;
  readonly resolvConf: string;
  readonly dnsListen: readonly string[];
  readonly dnsListenShared: readonly string[];
  readonly dnsAddress: readonly string[];
  readonly cniSocket?: string;
}

/**
 * `gantry run node`: the per-host daemon. With an API server it is kubelet, pod network, service proxy and DNS server, over one connection; without, the kubelet. Returns the
 * exit code. A part beside the kubelet that fails (somebody has its port) is begun anew, and the others go on.
 */
export function runNode(flags: NodeFlags): Promise<number> {
  return runKubelet(flags, 'node', base => besideKubelet(flags, base));
}

function besideKubelet(flags: NodeFlags, { connection, nodeName, endpoint, log }: NodeBase): readonly Component[] {
  const config = readProxyConfiguration(flags.proxyConfig, flags);
  const settings = proxySettings(config, nodeName);
  const common = { connection, clock: systemClock, log };
  const clusterCidrs = config.clusterCIDR.split(',').filter(text => text !== '');
  const dns = {
    connection,
    domain: flags.clusterDomain,
    dnsAddresses: flags.dnsAddress,
    local: flags.dnsListen.map(text => listenAddress(text, '--dns-listen')),
    shared: flags.dnsListenShared.map(text => listenAddress(text, '--dns-listen-shared')),
    resolvConf: flags.resolvConf,
    log,
  };
  const parts: (readonly [name: string, make: () => Component])[] = [
    ['network', () => podNetwork({ ...common, nodeName, clusterCidrs, confDir: flags.cniConfDir })],
  ];
  if (booleanFlag(flags.proxy, '--proxy')) {
    tellUnheeded(unheededByProxy(config, 'beside-kubelet'), log);
    parts.push(['proxy', () => serviceProxy({ ...common, settings, registry: createRegistry() })]);
  }
  if (booleanFlag(flags.dns, '--dns')) parts.push(['dns', () => dnsServer({ ...dns, registry: createRegistry() })]);
  // made anew at each beginning, so that nothing of the life before is left in it
  const components = parts.map(([name, make]) =>
    runAgain({ name, run: (signal, ready) => make().run(signal, ready) }, { clock: systemClock, log }),
  );
  return [...components, ...foreignRuntimeSocket(flags, endpoint, log)];
}

/** Under a runtime that is not our shim, which serves the launchers of CNI plugins itself, this process does. */
function foreignRuntimeSocket(flags: NodeFlags, endpoint: string, log: Logger): readonly Component[] {
  const shim = readCriConfig(DEFAULT_CRI_CONFIG_FILE, false);
  if (flags.cniSocket === undefined && endpoint === `unix://${shim.socket}`) return [];
  return [cniSocket(flags.cniSocket ?? cniSocketPath(shim), shim.cni.journalDir, log)];
}
