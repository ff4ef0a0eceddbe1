import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { EtcdClient } from '../../etcd/client.ts';
import { etcdUnit } from '../daemons/plan.ts';
import type { Say } from '../phases.ts';
import { ETCD_SERVICE } from '../services.ts';
import { waitUntil } from '../wait.ts';
import { type InitContext, servicesOf } from './context.ts';

const ETCD_PATIENCE_MS = 60_000;

/** Starts this machine's etcd and waits until it answers. Safe to repeat. */
export async function startEtcd(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files } = context;
  const services = servicesOf(context);
  mkdirSync(files.etcdDataDir, { recursive: true, mode: 0o700 });
  // one that was there keeps its mode, and all secrets of the cluster are in it
  chmodSync(files.etcdDataDir, 0o700);
  say(`Starting the local etcd, its data in ${files.etcdDataDir}`);
  await services.start(etcdUnit(settings, files), signal);
  const pem = (name: string): Buffer => readFileSync(`${files.pkiDir}/${name}`);
  const client = new EtcdClient({
    endpoints: ['https://127.0.0.1:2379'],
    timeoutMs: 2000,
    retryMs: 0,
    tls: {
      ca: pem('etcd/ca.crt'),
      cert: pem('apiserver-etcd-client.crt'),
      key: pem('apiserver-etcd-client.key'),
    },
  });
  try {
    await waitUntil(
      {
        what: 'etcd to answer on 127.0.0.1:2379',
        timeoutMs: ETCD_PATIENCE_MS,
        pauseMs: 50,
        signal,
        needsRoom: { directory: files.etcdDataDir, bytes: () => etcdRoomBytes(files.etcdDataDir) },
        hint: async () => `the end of its log: ${await services.lastLog(ETCD_SERVICE)}`,
      },
      () => client.range('/registry/none'),
    );
  } finally {
    client.close();
  }
}

/** etcd sets 64 MB aside for the first file of its log; later it needs room for what is written alone. */
function etcdRoomBytes(dataDir: string): number {
  return existsSync(`${dataDir}/member/wal`) ? 1 << 20 : 64e6;
}
