import { isIPv6 } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import type { ApiConnection } from '../client/connection.ts';
import { Informers } from '../client/informers.ts';
import type { Component } from '../daemon/component.ts';
import { Counter, type Registry } from '../daemon/metrics.ts';
import { type Clients, clusterClients } from './clients.ts';
import { followCluster } from './cluster-source.ts';
import { Forwarder } from './forward/forwarder.ts';
import { ResolverFile } from './forward/resolver-file.ts';
import { addLoopbackAddress } from './link-local.ts';
import { type ListenAddress, type Listener, listen } from './listen.ts';
import { ClusterZone } from './records/zone.ts';
import { Resolver } from './resolve.ts';
import { nameOf } from './wire/types.ts';

export interface DnsServerOptions {
  readonly connection: ApiConnection;
  /** `cluster.local` */
  readonly domain: string;
  /** Of the cluster's DNS service: what the name server of the zone is called by. */
  readonly dnsAddresses: readonly string[];
  /** On loopback, for this machine and its pods; addresses that it has not are given to it. */
  readonly local: readonly ListenAddress[];
  /** For the nodes and pods of the cluster, and nobody else. */
  readonly shared: readonly ListenAddress[];
  /** Who is asked for other names: a resolv.conf(5). */
  readonly resolvConf: string;
  readonly registry: Registry;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly clock?: Clock;
}

/**
 * The DNS server of a node. It serves other names from its start, those of the cluster as soon as all of them are known; only then it is ready. Nothing of
 * it outlives the process but the address on loopback.
 */
export function dnsServer(options: DnsServerOptions): Component {
  return {
    name: 'dns',
    async run(signal, ready) {
      const { log, connection, local, shared } = options;
      const clock = options.clock ?? systemClock;
      const onTrouble = (message: string): void => log.warn({}, message);
      const zone = new ClusterZone(Math.floor(clock.now() / 1000));
      const informers = new Informers(connection, { onTrouble });
      followCluster(informers, zone);
      const clients = clusterClients(informers);
      const own = new Set([...local, ...shared].map(each => each.address).concat(options.dnsAddresses));
      const file = new ResolverFile({ path: options.resolvConf, own, onTrouble });
      let isSynced = false;
      const resolver = new Resolver({
        zone,
        settings: { domain: nameOf(options.domain.toLowerCase()), dnsAddresses: options.dnsAddresses },
        forwarder: new Forwarder({ servers: () => file.servers, clock, onTrouble }),
        isSynced: () => isSynced,
        random: Math.random,
        observe: counters(options.registry),
      });
      const watched = file.open();
      const listeners: Listener[] = [];
      try {
        for (const at of local) {
          addLoopbackAddress(at.address);
          listeners.push(await listen(at, (message, transport) => resolver.answer(message, transport)));
        }
        for (const at of shared) listeners.push(await listen(at, guarded(resolver, clients)));
        log.info({ local, shared, domain: options.domain, forward: file.servers }, 'serving DNS');
        await informers.run(signal, () => {
          isSynced = true;
          ready();
        });
      } finally {
        for (const listener of listeners) listener.close();
        watched.close();
      }
    },
  };
}

/** Strangers get no answer at all: a refusal, too, would go to whoever they say they are. */
function guarded(resolver: Resolver, clients: Clients): Parameters<typeof listen>[1] {
  return (message, transport, client) => {
    const mapped = isIPv6(client) && client.startsWith('::ffff:') ? client.slice(7) : client;
    return clients.may(mapped) ? resolver.answer(message, transport) : undefined;
  };
}

/** Names of CoreDNS, whose dashboards they feed. */
function counters(registry: Registry): ConstructorParameters<typeof Resolver>[0]['observe'] {
  const requests = new Counter({
    name: 'coredns_dns_requests_total',
    help: 'Queries.',
    labelNames: ['proto', 'where'] as const,
    registers: [registry],
  });
  const responses = new Counter({
    name: 'coredns_dns_responses_total',
    help: 'Answers by code.',
    labelNames: ['rcode'] as const,
    registers: [registry],
  });
  const NAMES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
  return (_, proto, rcode, where) => {
    requests.inc({ proto, where });
    responses.inc({ rcode: NAMES[rcode] ?? String(rcode) });
  };
}
