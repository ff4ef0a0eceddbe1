import { errorMessage } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import type { ApiEndpoint } from '../client/kubeconfig.ts';
import { endpointHost } from './preflight/endpoint.ts';

/** The endpoint of a cluster gives no answer, while the API server of this machine does at its own address. */
export interface SilentEndpoint {
  /** URL of the endpoint. */
  readonly server: string;
  /** URL of the API server of this machine. */
  readonly own: string;
  /** What came of asking there: of a look-up or a connect(2), with the name of its error. */
  readonly because: string;
}

const PATIENCE_MS = 5000;

/** Asks by the endpoint that `asked` has, as a kubelet does; undefined where something answers there. Never fails. */
export async function silentEndpoint(asked: ApiEndpoint, own: string): Promise<SilentEndpoint | undefined> {
  const connection = new ApiConnection(asked, { userAgent: 'gantry-init' });
  try {
    await connection.call({ method: 'GET', path: '/version', timeoutMs: PATIENCE_MS });
    return undefined;
  } catch (error) {
    return { server: asked.server, own, because: errorMessage(error) };
  } finally {
    connection.close();
  }
}

/** What is wrong, in a sentence. Pure. */
export function silentEndpointText({ server, own, because }: SilentEndpoint): string {
  return `the control-plane endpoint ${new URL(server).host}, by which nodes ask the API server, does not lead to it (${because}), which answers at ${own}`;
}

/** What to do about it. Pure. */
export function silentEndpointRemedy({ server, own, because }: SilentEndpoint): string {
  const { host } = new URL(server);
  const name = endpointHost(host);
  if (/ENOTFOUND|EAI_AGAIN/.test(because))
    return `give ${name} an address in your DNS, or in /etc/hosts of each node; where that is the one of this machine: echo "${endpointHost(new URL(own).host)} ${name}" >>/etc/hosts`;
  if (/ENETUNREACH|EHOSTUNREACH/.test(because))
    return `"getent ahosts ${name}" and "ip route get ADDRESS" show where it leads: add a route, or set up the link that leads there`;
  return `see that what stands there (a load balancer, a proxy, a firewall) runs and leads to ${own}; "getent ahosts ${name}" shows where that is`;
}
