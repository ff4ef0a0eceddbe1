import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { isIPv6 } from 'node:net';
import { unexplainedError } from '../api/status.ts';
import type { Node, NodeAddress } from '../api/types/gen/core-v1.ts';
import { errnoName, errorMessage } from '../base/errors.ts';

/** How this server reaches kubelets. */
export interface KubeletAccess {
  /** Shown to kubelets, in PEM; without it they take this server for nobody. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined;
  /** That signed their serving certificates; without it these are not checked, as upstream. */
  readonly ca: string | undefined;
  /** Kinds of addresses, the best first: upstream's --kubelet-preferred-address-types. */
  readonly addressTypes: readonly string[];
}

/** Where a kubelet listens unless its Node says so. */
const DEFAULT_PORT = 10250;
/** Go's dialer gives up then. */
const CONNECT_MS = 30_000;
/** A connection is kept for the next question for so long, and so many of them. */
const IDLE_MS = 30_000;
const MAX_IDLE = 16;

/** What Go says where a connection cannot be made. */
const DIAL_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
};

/** The address to reach a node's kubelet at: of the first of the preferred kinds that the node has. Throws upstream's error where it has none. Pure. */
export function kubeletAddress(node: Node, addressTypes: readonly string[]): string {
  const known: readonly NodeAddress[] = node.status?.addresses ?? [];
  for (const type of addressTypes) {
    const found = known.find(each => each.type === type);
    if (found !== undefined) return found.address;
  }
  const all = known.map(each => `{${each.type} ${each.address}}`).join(' ');
  throw unexplainedError(`no preferred addresses found; known addresses: [${all}]`);
}

/** HTTPS to kubelets, by what their Nodes say. */
export class Kubelets {
  readonly #access: KubeletAccess;
  readonly #agent: Agent;
  readonly #unchecked: Agent;

  constructor(access: KubeletAccess) {
    this.#access = access;
    const common = { ...access.certificate, keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: IDLE_MS };
    this.#unchecked = new Agent({ ...common, rejectUnauthorized: false });
    this.#agent = access.ca === undefined ? this.#unchecked : new Agent({ ...common, ca: access.ca });
  }

  /**
   * GET of a path of a node's kubelet: the answer with its head, whatever its status; the caller reads its body or destroys it. Throws 500 in Go's words where the
   * kubelet cannot be reached.
   */
  get(
    node: Node,
    path: string,
    options: { readonly skipTlsCheck: boolean },
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const host = kubeletAddress(node, this.#access.addressTypes);
    const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port || DEFAULT_PORT;
    const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
    const failed = (why: string): Error =>
      unexplainedError(`Get ${JSON.stringify(`https://${address}${path}`)}: ${why}`);
    return new Promise((resolve, reject) => {
      const asked = request({
        agent: options.skipTlsCheck ? this.#unchecked : this.#agent,
        host,
        port,
        path,
        signal,
      });
      const late = setTimeout(() => asked.destroy(failed(`dial tcp ${address}: i/o timeout`)), CONNECT_MS);
      asked.once('socket', socket => {
        const connected = (): void => clearTimeout(late);
        if (!socket.connecting) connected();
        else socket.once('secureConnect', connected);
      });
      asked.once('response', answer => {
        clearTimeout(late);
        resolve(answer);
      });
      asked.once('error', error => {
        clearTimeout(late);
        if (signal.aborted) reject(signal.reason);
        else reject('statusReason' in error ? error : failed(dialError(error, host, address)));
      });
      asked.end();
    });
  }

  close(): void {
    this.#agent.destroy();
    this.#unchecked.destroy();
  }
}

function dialError(error: Error, host: string, address: string): string {
  const name = errnoName(error) ?? '';
  if (name === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  const known = DIAL_ERRORS[name];
  return known === undefined ? errorMessage(error) : `dial tcp ${address}: ${known}`;
}
