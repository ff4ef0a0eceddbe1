import type { IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import { unexplainedError } from '../api/status.ts';
import type { Node, NodeAddress } from '../api/types/gen/core-v1.ts';
import { type Backend, backendAddress, dialError, openRequest } from './backend.ts';

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
/** A connection is kept for the next question for so long, and so many of them. */
const IDLE_MS = 30_000;
const MAX_IDLE = 16;

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
  #agents: Agents;

  constructor(access: KubeletAccess) {
    this.#access = access;
    this.#agents = agentsOf(access.certificate, access.ca);
  }

  /** New connections show this certificate. What is under way on others goes on; none of them is used again. */
  replaceCertificate(certificate: NonNullable<KubeletAccess['certificate']>): void {
    const { checked, unchecked } = this.#agents;
    this.#agents = agentsOf(certificate, this.#access.ca);
    for (const agent of [checked, unchecked]) {
      agent.maxFreeSockets = 0;
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
    }
  }

  /** The kubelet of a node, with the certificate of this server. Throws 500 where the node has no address of the preferred kinds. */
  of(node: Node, options: { readonly skipTlsCheck: boolean } = { skipTlsCheck: false }): Backend {
    return {
      scheme: 'https',
      host: kubeletAddress(node, this.#access.addressTypes),
      port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port || DEFAULT_PORT,
      agent: options.skipTlsCheck ? this.#agents.unchecked : this.#agents.checked,
    };
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
    const backend = this.of(node, options);
    const address = backendAddress(backend);
    return new Promise((resolve, reject) => {
      const asked = openRequest(backend, { method: 'GET', path, headers: ['Host', address] }, signal);
      asked.once('response', resolve);
      asked.once('error', error => {
        const url = JSON.stringify(`https://${address}${path}`);
        reject(signal.aborted ? signal.reason : unexplainedError(`Get ${url}: ${dialError(error, backend)}`));
      });
      asked.end();
    });
  }

  close(): void {
    this.#agents.checked.destroy();
    this.#agents.unchecked.destroy();
  }
}

interface Agents {
  readonly checked: Agent;
  readonly unchecked: Agent;
}

function agentsOf(certificate: KubeletAccess['certificate'], ca: string | undefined): Agents {
  const common = { ...certificate, keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: IDLE_MS };
  const unchecked = new Agent({ ...common, rejectUnauthorized: false });
  return { unchecked, checked: ca === undefined ? unchecked : new Agent({ ...common, ca }) };
}
