import { hostname } from 'node:os';
import { parseCidr } from '../base/cidr.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { DEFAULT_CRI_CONFIG_FILE, readCriConfig } from '../cri/config-file.ts';
import { createLogger } from '../daemon/logger.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { podNetwork, removeNetwork } from '../network/network.ts';
import { kubeconfigCertificate } from './client-certificate.ts';
import { cniSocket } from './cni-socket.ts';
import { VERSION } from './version.ts';

export interface NetworkFlags {
  readonly kubeconfig?: string;
  readonly hostnameOverride?: string;
  readonly clusterCidr: string;
  readonly cniConfDir: string;
  readonly cniSocket?: string;
  readonly cleanup?: boolean;
}

/** `gantry run network`. Returns the exit code. */
export async function runNetwork(flags: NetworkFlags): Promise<number> {
  const log = createLogger({ daemon: 'network' });
  try {
    if (flags.cleanup === true) {
      removeNetwork(flags.cniConfDir);
      return 0;
    }
    if (flags.kubeconfig === undefined)
      throw invalidArgument('--kubeconfig: which API server? Name the file that says so');
    const clusterCidrs = flags.clusterCidr.split(',').filter(text => text !== '');
    for (const cidr of clusterCidrs) parseCidr(cidr);
    const nodeName = (flags.hostnameOverride ?? hostname()).trim().toLowerCase();
    const connection = new ApiConnection(readKubeconfig(flags.kubeconfig), { userAgent: `gantry-network/${VERSION}` });
    const confDir = flags.cniConfDir;
    try {
      const common = { clock: systemClock, log };
      const network = podNetwork({ connection, nodeName, clusterCidrs, confDir, ...common });
      const certificate = kubeconfigCertificate(flags.kubeconfig, connection, common);
      const { journalDir } = readCriConfig(DEFAULT_CRI_CONFIG_FILE, false).cni;
      const launchers = flags.cniSocket === undefined ? [] : [cniSocket(flags.cniSocket, journalDir, log)];
      return await mainLoop([network, ...certificate, ...launchers], log);
    } finally {
      connection.close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}
