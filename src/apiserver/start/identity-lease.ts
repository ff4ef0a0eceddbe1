import { createHash } from 'node:crypto';
import type { Lease } from '../../api/types/gen/coordination-v1.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ServerObjects } from './server-objects.ts';

const ID = 'coordination.k8s.io/v1/leases';
const NAMESPACE = 'kube-system';
const IDENTITY = 'apiserver.kubernetes.io/identity';
const SERVER = 'kube-apiserver';
const DURATION_SECONDS = 3600;

export interface IdentityLeaseOptions {
  readonly hostname: string;
  /** Told apart by it: servers of one machine. */
  readonly port: number;
  /** Of this run of it. */
  readonly instance: string;
  readonly now: () => number;
}

/** The Lease in kube-system by which people and other servers see which API servers there are. */
export class IdentityLease {
  readonly #objects: ServerObjects;
  readonly #options: IdentityLeaseOptions;
  readonly #name: string;

  constructor(objects: ServerObjects, options: IdentityLeaseOptions) {
    this.#objects = objects;
    this.#options = options;
    this.#name = serverId(options.hostname, options.port);
  }

  /** Makes it, or says in it that this server is still there. */
  async renew(): Promise<void> {
    const found = await this.#objects.find(ID, NAMESPACE, this.#name);
    const { hostname, instance, now } = this.#options;
    const labels = { [IDENTITY]: SERVER, 'kubernetes.io/hostname': hostname };
    const spec = {
      holderIdentity: `${this.#name}_${instance}`,
      leaseDurationSeconds: DURATION_SECONDS,
      renewTime: new Date(now()).toISOString().replace(/(\.\d{3})Z$/, '$1000Z'),
    };
    if (found === undefined)
      return this.#objects.create(ID, {
        metadata: { name: this.#name, namespace: NAMESPACE, labels },
        spec,
      } as ApiObject);
    const metadata = { ...found.metadata, labels: { ...found.metadata.labels, ...labels } };
    return this.#objects.replace(ID, { ...found, metadata, spec: { ...(found as Lease).spec, ...spec } } as ApiObject);
  }

  /** Takes it away at the end, and at the start that of a server before. */
  remove(): Promise<void> {
    return this.#objects.remove(ID, NAMESPACE, this.#name);
  }

  /** Takes those away that nobody has renewed for as long as they last. */
  async removeExpired(leases: readonly ApiObject[]): Promise<void> {
    const old = leases.filter(lease => isExpired(lease as Lease, this.#options.now()));
    for (const { metadata } of old)
      await this.#objects.remove(ID, NAMESPACE, metadata.name ?? '', metadata.resourceVersion);
  }
}

/** True for a lease of an API server whose time is up. */
export function isExpired({ metadata, spec }: Lease, now: number): boolean {
  if (metadata.labels?.[IDENTITY] !== SERVER) return false;
  const { renewTime, leaseDurationSeconds } = spec;
  if (renewTime === undefined || leaseDurationSeconds === undefined) return true;
  return Date.parse(renewTime) + leaseDurationSeconds * 1000 < now;
}

/** `apiserver-` and 26 characters that are the same for the same server. */
export function serverId(hostname: string, port: number): string {
  const hash = createHash('sha256').update(`${hostname}:${port}`).digest().subarray(0, 16);
  return `apiserver-${base32(hash)}`;
}

function base32(bytes: Buffer): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map(group => alphabet[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}
