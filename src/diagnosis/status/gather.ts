import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { errorMessage, failedPrecondition, unavailable } from '../../base/errors.ts';
import type { Services } from '../../bootstrap/services.ts';
import { getText } from '../../client/get-text.ts';
import type { Reach } from '../reach/reach.ts';
import { ANSWER_MS, answerOf } from './answer.ts';
import { askCluster } from './ask-cluster.ts';
import { askEtcd } from './ask-etcd.ts';
import { askRuntime } from './ask-runtime.ts';
import { certificateFacts } from './certificates.ts';
import type { DaemonFacts, StatusFacts } from './facts.ts';
import { askHealth } from './health.ts';
import { diskFacts, kubeletPlaces, memoryFacts, proxyPlaces, versionFacts } from './machine.ts';
import { clusterEndpoint, ownApiServer, type ThisNode } from './this-node.ts';

/** What a host's supervisor reads of its daemons; systemd is asked itself. */
const HOST_SERVICES = '/etc/gantry/services';

export interface GatherOptions {
  /** Who keeps daemons here; undefined where nobody does. */
  readonly services: Services | undefined;
  readonly keeper: StatusFacts['keeper'];
  readonly version: string;
  /** Ms since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Asks every part of this node at once, each with a time limit: the whole takes less than five seconds, whatever is dead; in directories that do not answer nothing is read. Changes nothing. Rejects only when `signal` aborts. */
export async function gatherStatus(node: ThisNode, options: GatherOptions): Promise<StatusFacts> {
  const { files, name, role, localEtcd, hasProxy, reach } = node;
  const { now, signal } = options;
  // that all parts listen to it is no leak
  setMaxListeners(0, signal);
  const kubelet = kubeletPlaces(configurationAt(files.kubeletConfig, reach));
  const proxy = proxyPlaces(configurationAt(files.proxyConfig, reach));
  const [daemons, health, cluster, runtime, proxied, etcd, disks] = await Promise.all([
    Promise.all(node.daemons.map(each => daemonFacts(each, options, reach))),
    kubelet.healthz === undefined ? undefined : askKubelet(kubelet.healthz, signal),
    clusterFacts(node, now, signal),
    answerOf('the runtime', signal, within => askRuntime(kubelet.runtimeEndpoint, within)),
    hasProxy ? answerOf('the proxy', signal, within => askProxy(proxy, within)) : undefined,
    localEtcd ? answerOf('etcd', signal, within => askEtcd(files, reach, within)) : undefined,
    diskFacts(files, kubelet.evictionHard, { localEtcd, reach, signal }),
  ]);
  return {
    now,
    nodeName: name,
    role,
    keeper: options.keeper,
    silentPlaces: reach.silent,
    daemons,
    kubelet: health,
    ...cluster,
    runtime,
    proxy: proxied,
    etcd,
    certificates: certificateFacts(files, { isControlPlane: role === 'control-plane', localEtcd, reach }),
    disks,
    memory: memoryFacts(kubelet.evictionHard),
    versions: versionFacts(options.version),
  };
}

async function daemonFacts(
  name: string,
  { services, keeper, signal }: GatherOptions,
  reach: Reach,
): Promise<DaemonFacts> {
  const status = await answerOf(name, signal, async within => {
    const silence = keeper === 'host' ? reach.silenceAt(HOST_SERVICES) : undefined;
    if (silence !== undefined) throw unavailable(silence);
    if (services === undefined) throw failedPrecondition('nothing here keeps daemons running');
    return services.status(name, within);
  });
  const runs = status.answered && status.pid !== undefined;
  const log =
    runs || services === undefined || !status.answered
      ? undefined
      : await answerOf(
          `the log of ${name}`,
          signal,
          async () => ({ text: await services.lastLog(name) }),
          ANSWER_MS / 2,
        );
  return {
    name,
    status,
    memoryBytes: runs && status.pid !== undefined ? residentBytes(status.pid) : undefined,
    lastLog: log?.answered === true ? log.text : undefined,
  };
}

async function clusterFacts(
  node: ThisNode,
  now: number,
  signal: AbortSignal,
): Promise<Pick<StatusFacts, 'apiServer' | 'node' | 'silentEndpoint'>> {
  try {
    const endpoint = clusterEndpoint(node, now);
    const own = ownApiServer(node);
    // beside it, for together they have no more time than one
    const [cluster, here] = await Promise.all([
      askCluster(endpoint, node.name, signal),
      own === undefined || own === endpoint.server
        ? undefined
        : askCluster({ ...endpoint, server: own }, node.name, signal),
    ]);
    if (own === undefined || cluster.apiServer.answered || here?.apiServer.answered !== true) return cluster;
    const { because } = cluster.apiServer;
    return { apiServer: cluster.apiServer, node: here.node, silentEndpoint: { server: endpoint.server, own, because } };
  } catch (error) {
    signal.throwIfAborted();
    const silent = { answered: false, because: errorMessage(error) } as const;
    return { apiServer: silent, node: silent };
  }
}

function askKubelet(url: string, signal: AbortSignal): Promise<StatusFacts['kubelet']> {
  return answerOf('the kubelet', signal, within => askHealth(url, within));
}

async function askProxy(places: ReturnType<typeof proxyPlaces>, signal: AbortSignal) {
  const [mode, health] = await Promise.all([
    getText(places.mode, signal).catch(() => ({ ok: false, text: '' })),
    getText(places.health, signal),
  ]);
  return {
    mode: mode.ok ? mode.text.trim() : undefined,
    healthy: health.ok,
    failed: health.ok ? [] : ['changes of services wait for longer than two minutes'],
  };
}

/** VmRSS of proc_pid_status(5); undefined where it ended meanwhile. */
function residentBytes(pid: number): number | undefined {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(textOf(`/proc/${pid}/status`)) ?? [];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Empty where nobody answers: defaults hold then. */
function configurationAt(path: string, reach: Reach): string {
  return reach.silenceAt(path) === undefined ? textOf(path) : '';
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
