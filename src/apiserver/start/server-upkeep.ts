import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { HandlerContext } from '../handlers/handler-context.ts';
import type { Storage } from '../storage/storage.ts';
import { reconcileDefaultPolicy } from './default-policy.ts';
import { ensureDefaultServiceCidr } from './default-service-cidr.ts';
import { IdentityLease } from './identity-lease.ts';
import { KubernetesService } from './kubernetes-service.ts';
import { type RepairParts, repairAllocations } from './repair-allocations.ts';
import { ServerLeases } from './server-leases.ts';
import { ServerObjects } from './server-objects.ts';
import { ensureSystemNamespaces, ensureSystemPriorityClasses } from './system-objects.ts';
import { runUpkeep, type UpkeepTask, untilDone } from './upkeep.ts';

export interface ServerUpkeepSettings {
  readonly serviceCidrs: readonly string[];
  readonly nodePorts: { readonly first: number; readonly last: number };
  readonly advertiseAddress: string;
  readonly port: number;
  readonly hostname: string;
}

export interface ServerUpkeepParts {
  readonly handlers: HandlerContext;
  readonly storage: Storage;
  readonly settings: ServerUpkeepSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a server that stops waits for an etcd that does not answer. */
const WITHDRAW_MS = 5_000;

/** What a server makes before it serves, keeps while it does, and takes back at its end. */
export class ServerUpkeep {
  readonly #parts: ServerUpkeepParts;
  readonly #leases: ServerLeases;
  readonly #instance = randomUUID();

  constructor(parts: ServerUpkeepParts) {
    this.#parts = parts;
    this.#leases = new ServerLeases(parts.storage);
  }

  /** Nobody is served before this is done: rights would be missing that everyone has, and addresses be given that are taken. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { objects, kubernetes, identity } = this.#kept(signal);
    const made = (what: string, task: () => Promise<void>): Promise<void> => untilDone(what, task, signal, this.#parts);
    await made('the default ServiceCIDR', () => this.#ensureServiceCidr(objects));
    await made('the service addresses', () => repairAllocations(this.#repair(), signal));
    await made('the system namespaces', () => ensureSystemNamespaces(objects));
    await made('the system priority classes', () => ensureSystemPriorityClasses(objects));
    await made('the default policy', () => reconcileDefaultPolicy(objects));
    // what is left of a server before, that did not stop by itself
    await made('the endpoints of the kubernetes service', () => kubernetes.withdraw(signal));
    await made('the lease of this server', () => identity.remove());
  }

  /** Keeps everything until the signal aborts. To be run once clients are answered: the endpoints bring them. */
  async run(signal: AbortSignal): Promise<void> {
    const { objects, kubernetes, identity } = this.#kept(signal);
    const leases = this.#parts.handlers.resources.get('coordination.k8s.io/v1/leases');
    const tasks: UpkeepTask[] = [
      { what: 'the kubernetes service', everyMs: 10_000, run: () => kubernetes.ensure() },
      { what: 'the endpoints of the kubernetes service', everyMs: 10_000, run: each => kubernetes.publish(each) },
      { what: 'the default ServiceCIDR', everyMs: 10_000, run: () => this.#ensureServiceCidr(objects) },
      { what: 'the lease of this server', everyMs: 10_000, run: () => identity.renew() },
      { what: 'the system namespaces', everyMs: 60_000, run: () => ensureSystemNamespaces(objects) },
      { what: 'the service addresses', everyMs: 180_000, run: each => repairAllocations(this.#repair(), each) },
      {
        what: 'the leases of servers that are no more',
        everyMs: 3_600_000,
        run: () => identity.removeExpired(leases?.cache.snapshot(leases.scope('kube-system')).map(e => e.object) ?? []),
      },
    ];
    await runUpkeep(tasks, signal, this.#parts);
  }

  /** Tells others at once that this server is no more, rather than to let them find out. Does not throw. */
  async withdraw(): Promise<void> {
    const signal = AbortSignal.timeout(WITHDRAW_MS);
    const { kubernetes, identity } = this.#kept(signal);
    const ends = [() => kubernetes.withdraw(signal), () => identity.remove()];
    for (const end of ends)
      await end().catch(error => {
        this.#parts.log.warn({ err: error }, `others are not told that this server stops: ${errorMessage(error)}`);
      });
  }

  #kept(signal: AbortSignal) {
    const { handlers, settings, clock } = this.#parts;
    const { serviceCidrs, hostname, port } = settings;
    const objects = new ServerObjects(handlers, signal);
    return {
      objects,
      kubernetes: new KubernetesService(objects, this.#leases, { ...settings, serviceCidr: serviceCidrs[0] ?? '' }),
      identity: new IdentityLease(objects, { hostname, port, instance: this.#instance, now: () => clock.now() }),
    };
  }

  async #ensureServiceCidr(objects: ServerObjects): Promise<void> {
    const { handlers, settings, log } = this.#parts;
    await objects.unlessUnreadable(() =>
      ensureDefaultServiceCidr(objects, settings.serviceCidrs, () => this.#now(), log),
    );
    // the allocator reads the cache: what was made just now has to be there
    await handlers.resources.get('networking.k8s.io/v1/servicecidrs')?.cache.list({ limit: 1 });
  }

  #repair(): RepairParts {
    const { handlers, storage, settings, log } = this.#parts;
    const { resources } = handlers;
    return { resources, storage, nodePorts: settings.nodePorts, log, newUid: randomUUID, now: () => this.#now() };
  }

  #now(): string {
    return new Date(this.#parts.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}
