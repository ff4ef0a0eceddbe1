import type { TokenRequest } from '../api/types/gen/authentication-v1.ts';
import type { ServiceAccount } from '../api/types/gen/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import { isAlreadyExists, isNotFound } from '../base/errors.ts';
import type { ApiConnection, BearerSource } from '../client/connection.ts';
import { ResourceClient } from '../client/resource-client.ts';

const NAMESPACE = 'kube-system';
const ACCOUNTS = { group: '', version: 'v1', plural: 'serviceaccounts' } as const;
/** Tokens are asked for an hour, and anew when four fifths of what they were given is over. */
const TOKEN_SECONDS = 3600;
const RENEW_AFTER = 0.8;

/** Controllers whose account upstream calls otherwise than the controller. */
const NAMED_OTHERWISE: Readonly<Record<string, string>> = {
  'bootstrap-signer-controller': 'bootstrap-signer',
  'certificatesigningrequest-approving-controller': 'certificate-controller',
  'certificatesigningrequest-cleaner-controller': 'certificate-controller',
  'certificatesigningrequest-signing-controller': 'certificate-controller',
  'daemonset-controller': 'daemon-set-controller',
  'endpoints-controller': 'endpoint-controller',
  'endpointslice-mirroring-controller': 'endpointslicemirroring-controller',
  'garbage-collector-controller': 'generic-garbage-collector',
  'horizontal-pod-autoscaler-controller': 'horizontal-pod-autoscaler',
  // ours alone: it writes slices, as that one does
  'node-dns-controller': 'endpointslice-controller',
  'node-ipam-controller': 'node-controller',
  'node-lifecycle-controller': 'node-controller',
  'persistentvolume-attach-detach-controller': 'attachdetach-controller',
  'persistentvolume-binder-controller': 'persistent-volume-binder',
  'persistentvolume-expander-controller': 'expand-controller',
  'persistentvolume-protection-controller': 'pv-protection-controller',
  'persistentvolumeclaim-protection-controller': 'pvc-protection-controller',
  'pod-garbage-collector-controller': 'pod-garbage-collector',
  'replicationcontroller-controller': 'replication-controller',
  'resourceclaim-controller': 'resource-claim-controller',
  'root-ca-certificate-publisher-controller': 'root-ca-cert-publisher',
  'service-cidr-controller': 'service-cidrs-controller',
  'serviceaccount-controller': 'service-account-controller',
  'taint-eviction-controller': 'node-controller',
  'token-cleaner-controller': 'token-cleaner',
};

/** The service account of kube-system that a controller works as: the one that the default roles are bound to. */
export function accountOf(controller: string): string {
  return NAMED_OTHERWISE[controller] ?? controller;
}

/** Tokens of one service account, which is made where it is missing. One is asked for at a time, however many wait for it. */
export class AccountToken implements BearerSource {
  readonly #accounts: ResourceClient<ServiceAccount>;
  readonly #name: string;
  readonly #clock: Clock;
  #current: { readonly text: string; readonly renewAt: number } | undefined;
  #asking: Promise<string> | undefined;

  constructor(connection: ApiConnection, name: string, clock: Clock) {
    this.#accounts = new ResourceClient(connection, ACCOUNTS);
    this.#name = name;
    this.#clock = clock;
  }

  token(): Promise<string> {
    if (this.#current !== undefined && this.#clock.now() < this.#current.renewAt)
      return Promise.resolve(this.#current.text);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Its account was deleted, say: the next call gets another, of the account that is made then. */
  rejected(token: string): void {
    if (this.#current?.text === token) this.#current = undefined;
  }

  async #ask(): Promise<string> {
    const asked = this.#clock.now();
    const answer = await this.#request().catch(async error => {
      if (!isNotFound(error)) throw error;
      await this.#makeAccount();
      return this.#request();
    });
    const { token = '', expirationTimestamp = '' } = answer.status ?? {};
    this.#current = { text: token, renewAt: asked + (Date.parse(expirationTimestamp) - asked) * RENEW_AFTER };
    return token;
  }

  #request(): Promise<TokenRequest> {
    return this.#accounts.createSubresource(NAMESPACE, this.#name, 'token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: TOKEN_SECONDS },
    });
  }

  async #makeAccount(): Promise<void> {
    try {
      await this.#accounts.create({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: this.#name, namespace: NAMESPACE },
      });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}
