import { needOf, type SocketNeed } from '../bootstrap/preflight/sockets.ts';
import type { CriConfig } from '../cri/config.ts';
import { DEFAULT_CRI_CONFIG_FILE, readCriConfig } from '../cri/config-file.ts';
import { hostAndPort } from '../cri/host-and-port.ts';

/** Where the CRI shim of this machine will serve by TCP, by its own file. Throws `invalid-argument` that names file and line where that is wrong, for then it would not start. */
export function runtimeSockets(
  config: Pick<CriConfig, 'metricsAddress' | 'streaming'> = readCriConfig(DEFAULT_CRI_CONFIG_FILE, false),
): readonly SocketNeed[] {
  return [config.metricsAddress, config.streaming.address]
    .flatMap(address => (address === undefined ? [] : [hostAndPort(address)]))
    .filter(({ port }) => port !== 0)
    .map(({ host, port }) => ({ ...needOf(port, host), of: 'runtime' as const }));
}
