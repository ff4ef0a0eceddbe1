import { isIP } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { healthServer, withReadiness } from '../daemon/health-server.ts';
import { createLogger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry } from '../daemon/metrics.ts';
import { dnsServer } from '../dns/dns-server.ts';
import type { ListenAddress } from '../dns/listen.ts';
import { kubeconfigCertificate } from './client-certificate.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry run dns`. */
export interface DnsFlags {
  readonly kubeconfig: string;
  readonly clusterDomain: string;
  readonly listen: readonly string[];
  readonly listenShared: readonly string[];
  readonly dnsAddress: readonly string[];
  readonly resolvConf: string;
  readonly healthzPort: string;
}

/** `gantry run dns`. Returns the exit code. */
export async function runDns(flags: DnsFlags): Promise<number> {
  const log = createLogger({ daemon: 'dns' });
  try {
    const connection = new ApiConnection(readKubeconfig(flags.kubeconfig), { userAgent: `gantry-dns/${VERSION}` });
    const registry = createRegistry();
    const wrong = flags.dnsAddress.find(address => isIP(address) === 0);
    if (wrong !== undefined) throw invalidArgument(`--dns-address: "${wrong}" is not an IP address`);
    const { component, check } = withReadiness(
      dnsServer({
        connection,
        domain: flags.clusterDomain,
        dnsAddresses: flags.dnsAddress,
        local: flags.listen.map(text => listenAddress(text, '--listen')),
        shared: flags.listenShared.map(text => listenAddress(text, '--listen-shared')),
        resolvConf: flags.resolvConf,
        registry,
        log,
      }),
    );
    const port = Number(flags.healthzPort);
    if (!/^\d{1,5}$/.test(flags.healthzPort) || port > 65_535)
      throw invalidArgument(`--healthz-port: "${flags.healthzPort}" is not a port`);
    const health = port === 0 ? [] : [healthServer({ host: '127.0.0.1', port, checks: [check], registry })];
    try {
      const certificate = kubeconfigCertificate(flags.kubeconfig, connection, { clock: systemClock, log });
      return await mainLoop([component, ...health, ...certificate, loopLag(registry)], log);
    } finally {
      connection.close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}

/** `169.254.20.10:53`, `[fd00::10]:53`. */
export function listenAddress(text: string, flag: string): ListenAddress {
  const [, v6, v4, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = v6 ?? v4 ?? '';
  const port = Number(digits);
  if (isIP(address) === 0 || port === 0 || port > 65_535)
    throw invalidArgument(`${flag}: "${text}" is not ADDRESS:PORT, as 169.254.20.10:53 or [fd00::10]:53 are`);
  return { address, port };
}
