import { hostname } from 'node:os';
import { parseCidr } from '../base/cidr.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { createLogger } from '../daemon/logger.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { podNetwork, removeNetwork } from '../network/network.ts';
import { VERSION } from './version.ts';

export interface NetworkFlags {
  readonly kubeconfig?: string;
  readonly hostnameOverride?: string;
  readonly clusterCidr: string;
  readonly cniConfDir: string;
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
      return await mainLoop(
        [podNetwork({ connection, nodeName, clusterCidrs, confDir, clock: systemClock, log })],
        log,
      );
    } finally {
      connection.close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}
