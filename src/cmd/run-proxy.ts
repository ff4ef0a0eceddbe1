import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { createLogger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry } from '../daemon/metrics.ts';
import { readProxyConfiguration } from '../proxy/configuration.ts';
import { removeProxyRules, serviceProxy } from '../proxy/proxy.ts';
import { proxySettings } from '../proxy/settings.ts';
import { unheededByProxy } from '../proxy/unheeded-fields.ts';
import { kubeconfigCertificate } from './client-certificate.ts';
import { tellUnheeded } from './tell-unheeded.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry run proxy`, named as upstream's. */
export interface ProxyFlags {
  readonly kubeconfig?: string;
  readonly config?: string;
  readonly hostnameOverride?: string;
  readonly clusterCidr?: string;
  readonly nodeportAddresses?: string;
  readonly proxyMode?: string;
  readonly cleanup?: boolean;
}

/** `gantry run proxy`. Returns the exit code. */
export async function runProxy(flags: ProxyFlags): Promise<number> {
  const log = createLogger({ daemon: 'proxy' });
  try {
    if (flags.cleanup === true) {
      await removeProxyRules();
      return 0;
    }
    const config = readProxyConfiguration(flags.config, flags);
    tellUnheeded(unheededByProxy(config, 'alone'), log);
    const kubeconfig = flags.kubeconfig ?? config.clientConnection.kubeconfig;
    if (kubeconfig === '') throw invalidArgument('--kubeconfig: which API server? Name the file that says so');
    const nodeName = (flags.hostnameOverride ?? (config.hostnameOverride || hostname())).trim().toLowerCase();
    const settings = proxySettings(config, nodeName);
    const connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: `gantry-proxy/${VERSION}` });
    try {
      const registry = createRegistry();
      const proxy = serviceProxy({ connection, settings, registry, clock: systemClock, log });
      const certificate = kubeconfigCertificate(kubeconfig, connection, { clock: systemClock, log });
      return await mainLoop([proxy, ...certificate, loopLag(registry)], log);
    } finally {
      connection.close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}
