import { EtcdStore } from '../../../src/apiserver/storage/etcd/etcd-store.ts';
import { MemoryStore } from '../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../src/apiserver/storage/optimistic-storage.ts';
import type { RevisionedStore } from '../../../src/apiserver/storage/revisioned-store.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { EtcdClient } from '../../../src/etcd/client.ts';
import { prefixEnd } from '../../../src/etcd/client.ts';
import { EtcdServer } from '../../harness/etcd.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

/** One implementation under test; every test begins with nothing stored. */
export interface Implementation {
  readonly name: string;
  open(): Promise<void>;
  reset(): Promise<void>;
  close(): Promise<void>;
  store(): RevisionedStore;
  storage(): OptimisticStorage;
  /** Lets the time pass that short-lived objects of `seconds` need to vanish. */
  passTime(seconds: number): Promise<void>;
}

export function memoryImplementation(): Implementation {
  let clock = new FakeClock();
  let store = new MemoryStore(clock as Clock);
  return {
    name: 'memory',
    open: async () => {},
    reset: async () => {
      clock = new FakeClock();
      store = new MemoryStore(clock);
    },
    close: async () => {},
    store: () => store,
    storage: () => new OptimisticStorage(store),
    passTime: seconds => clock.advance(seconds * 1000),
  };
}

export function etcdImplementation(): Implementation & { server(): EtcdServer; client(): EtcdClient } {
  let server: EtcdServer | undefined;
  let client: EtcdClient | undefined;
  const started = (): EtcdServer => {
    if (server === undefined) throw new Error('etcd has not been started');
    return server;
  };
  const connected = (): EtcdClient => {
    client ??= started().client();
    return client;
  };
  return {
    name: 'etcd',
    server: started,
    client: connected,
    async open() {
      server = await EtcdServer.start();
    },
    async reset() {
      await connected().delete('/registry/', { end: prefixEnd('/registry/') });
    },
    async close() {
      client?.close();
      await server?.remove();
    },
    store: () => new EtcdStore(connected()),
    storage: () => new OptimisticStorage(new EtcdStore(connected())),
    // leases of etcd end by its own clock; the test waits for what it wants to see
    passTime: async () => {},
  };
}
