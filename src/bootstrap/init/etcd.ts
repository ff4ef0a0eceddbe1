import { existsSync, readFileSync } from 'node:fs';
import { EtcdClient } from '../../etcd/client.ts';
import { etcdUnit } from '../daemons/plan.ts';
import { etcdDirectories } from '../marker/plan.ts';
import { readMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { serviceState } from '../service-state.ts';
import { ETCD_SERVICE } from '../services.ts';
import { hostInUrl } from '../settings.ts';
import { waitUntil } from '../wait.ts';
import { type InitContext, servicesOf } from './context.ts';

/** It writes what it has before it ends. */
const STOP_PATIENCE_MS = 30_000;

/** Starts this machine's etcd and waits until it answers. Safe to repeat. */
export async function startEtcd(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, disk, dryRun } = context;
  if (settings.cluster.etcd.kind === 'external') {
    const { endpoints } = settings.cluster.etcd;
    say(`External etcd mode: Skipping start of a local etcd, for ${endpoints.join(', ')}`);
    await stopOwnEtcd(context, endpoints, say, signal);
    return;
  }
  const services = servicesOf(context);
  // all secrets of the cluster are in it
  disk.makeDirectory(files.etcdDataDir, 0o700);
  say(`Starting the local etcd, its data in ${files.etcdDataDir}`);
  await services.start(etcdUnit(settings, files), signal);
  if (dryRun) return;
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
        timeoutMs: settings.patience.etcdMs,
        pauseMs: 50,
        signal,
        needsRoom: { directory: files.etcdDataDir, bytes: () => etcdRoomBytes(files.etcdDataDir) },
        hint: () => serviceState(services, ETCD_SERVICE),
      },
      () => client.range('/registry/none'),
    );
  } finally {
    client.close();
  }
}

/** One that the cluster had here before it got one of somebody else: nobody asks it any more, unless it is the very one that is named. */
async function stopOwnEtcd(
  { services, settings, files, dryRun }: InitContext,
  endpoints: readonly string[],
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const own = ['127.0.0.1', 'localhost', settings.advertiseAddress].map(host => `${hostInUrl(host)}:2379`);
  if (endpoints.some(endpoint => own.includes(new URL(endpoint).host))) return;
  if (services === undefined || (await services.traces(ETCD_SERVICE, signal)).length === 0) return;
  const marker = readMarker(files);
  const directories = marker === undefined ? [] : etcdDirectories(marker);
  const kept = `its data stays in ${directories.join(' and ') || files.etcdDataDir} until "gantry reset"`;
  say(`${dryRun ? 'Would stop' : 'Stopping'} the etcd that the cluster had on this machine: ${kept}`);
  if (!dryRun) await services.stop(ETCD_SERVICE, { patienceMs: STOP_PATIENCE_MS, signal });
}

/** etcd sets 64 MB aside for the first file of its log; later it needs room for what is written alone. */
function etcdRoomBytes(dataDir: string): number {
  return existsSync(`${dataDir}/member/wal`) ? 1 << 20 : 64e6;
}
