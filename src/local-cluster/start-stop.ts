import { errorMessage, failedPrecondition } from '../base/errors.ts';
import { waitUntil } from '../bootstrap/wait.ts';
import { faultPoint } from '../linux/fault-point.ts';
import { holdLockFile } from '../linux/lock-file.ts';
import { startHost } from './host/create.ts';
import { isRunning, openHost, stopHost } from './host/host.ts';
import { endKnownServices, startKnownServices } from './host/inside.ts';
import { listHostNames, readHostRecord, writeHostRecord } from './host/record.ts';
import { attachHost, ensureNetwork, machineResolver } from './network/network.ts';
import { hostLink } from './network/plan.ts';
import { type ClusterRecord, clusterDir, hostsDirOf } from './record.ts';
import { connectTo, waitForNodes } from './status.ts';

export interface StartStopOptions {
  readonly clustersDir: string;
  readonly write: (line: string) => void;
  readonly signal: AbortSignal;
}

/** How long the API server may take to come back. */
const API_PATIENCE_MS = 120_000;

/**
 * Ends every host of a cluster, workers first, and in each its daemons one after another before what else runs in it is killed; data and network stay. Safe
 * to repeat. An abort takes effect between two hosts. Throws `failed-precondition` where the data is in memory and would be lost.
 */
export async function stopCluster(record: ClusterRecord, options: StartStopOptions): Promise<void> {
  const { clustersDir, write, signal } = options;
  holdLockFile(`${clusterDir(record.name, clustersDir)}/lock`, `the cluster "${record.name}"`);
  const hostsDir = hostsDirOf(record.name, clustersDir);
  const names = listHostNames(hostsDir);
  const hosts = record.nodes
    .filter(({ name }) => names.includes(name))
    .map(({ name }) => readHostRecord(name, hostsDir));
  if (hosts.some(({ dataInMemory }) => dataInMemory))
    throw failedPrecondition(
      `the data of the cluster "${record.name}" is in memory, since ${clustersDir} is on overlayfs: stopping would lose it; make it with --clusters-dir on a disk`,
    );
  for (const host of hosts.toReversed()) {
    signal.throwIfAborted();
    if (!isRunning(host)) continue;
    write(`Stopping ${host.name}`);
    await endKnownServices(openHost(host.name, hostsDir), write);
    await stopHost(host);
    writeHostRecord({ ...host, pid1: undefined });
  }
}

/**
 * Starts every host that does not run, and in each what ran there before, and waits for the API server and the nodes. Safe to repeat, and after a `stop` that
 * was killed.
 */
export async function startCluster(record: ClusterRecord, options: StartStopOptions): Promise<void> {
  const { clustersDir, write, signal } = options;
  const { network } = record;
  if (!record.complete)
    throw failedPrecondition(
      `the cluster "${record.name}" was not made whole: "gantry cluster delete --name ${record.name}", and create it again`,
    );
  holdLockFile(`${clusterDir(record.name, clustersDir)}/lock`, `the cluster "${record.name}"`);
  const hostsDir = hostsDirOf(record.name, clustersDir);
  ensureNetwork(network, machineResolver(network.gateway));
  const started = { names: [] as string[], since: Date.now() };
  for (const [i, { name }] of record.nodes.entries()) {
    const isNew = !isRunning(readHostRecord(name, hostsDir));
    if (isNew) write(`Starting ${name}`);
    const host = isNew ? await startHost(name, { hostsDir, signal }) : openHost(name, hostsDir);
    faultPoint('cluster/start/host-started');
    // one that runs may be from a start that was killed here
    attachHost(host.pid1.pid, network, hostLink(record.name, network, i));
    await startKnownServices(host);
    if (isNew) started.names.push(name);
  }
  write('Waiting for the API server');
  await waitUntil(
    { what: `the API server of "${record.name}" to be ready`, timeoutMs: API_PATIENCE_MS, pauseMs: 100, signal },
    async looking => {
      const connection = connectTo(record, hostsDir);
      try {
        const { status, body } = await connection.call({
          method: 'GET',
          path: '/readyz',
          signal: looking,
          timeoutMs: 5000,
        });
        if (status !== 200)
          throw failedPrecondition(`/readyz answers ${status}: ${errorMessage(body.toString('utf8', 0, 300))}`);
      } finally {
        connection.close();
      }
    },
  );
  write('Waiting for the nodes to be ready');
  await waitForNodes(record, clustersDir, signal, started);
}
