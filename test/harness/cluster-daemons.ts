import { existsSync, readFileSync } from 'node:fs';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import type { TestCluster } from './cluster.ts';
import { type NodeRuntime, nodeRuntime, type RunningPod } from './cluster-node-runtime.ts';
import { killAndRestart } from './fault.ts';
import { gantryCommand } from './gantry-command.ts';
import { httpGet, run } from './host.ts';
import { waitFor } from './wait-for.ts';

/** A daemon of a node, kept by the supervisor of its host. */
export interface Daemon {
  readonly node: string;
  readonly name: string;
}

const PATIENCE = { timeoutMs: 60_000 };

/** The daemons of a cluster of two nodes, to be killed one by one. */
export class ClusterDaemons {
  readonly nodes: readonly NodeRuntime[];
  readonly #cluster: TestCluster;
  #names: Readonly<Record<string, readonly string[]>> = {
    'control-plane': ['etcd', 'control-plane', 'cri', 'node'],
    worker: ['cri', 'node'],
  };

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.nodes = ['control-plane', 'worker'].map(name => nodeRuntime(cluster, name));
  }

  get all(): Daemon[] {
    return Object.entries(this.#names).flatMap(([node, names]) => names.map(name => ({ node, name })));
  }

  /** SIGKILL. Resolves when its supervisor has started it again. */
  async kill(daemon: Daemon): Promise<void> {
    const service = this.#service(daemon);
    await waitFor(`${daemon.name} on ${daemon.node} to run`, () => service.pid());
    await killAndRestart(service);
  }

  /** SIGKILL to the monitor of the first container of a pod. */
  async killMonitor(of: RunningPod | undefined): Promise<void> {
    const node = this.nodes.find(({ name }) => name === of?.node);
    const id = of?.containers[0]?.split(' ')[1];
    if (node === undefined || id === undefined) throw new Error('there is no such container');
    await run(node.host, ['sh', '-c', 'kill -9 $(cat /run/gantry/cri/containers/$0/conmon.pid)', id]);
  }

  /** Resolves when API server, kubelets and runtimes answer. */
  async answer(): Promise<void> {
    const kubectl = this.#cluster.kubectl();
    await waitFor(
      'the API server to be ready',
      async () => (await kubectl.run('get --raw /readyz')).out === 'ok',
      PATIENCE,
    );
    for (const { name, host, client } of this.nodes) {
      await waitFor(
        `the kubelet of ${name}`,
        async () => (await httpGet(host, 10_248, '/healthz')).status === 200,
        PATIENCE,
      );
      await waitFor(`the runtime of ${name}`, () => client.version({ version: 'v1' }, { timeoutMs: 2_000 }), PATIENCE);
    }
  }

  /** Runs each part of the control plane and of the nodes as a process of its own from now on, with the flags that it has. */
  async takeApart(): Promise<void> {
    const names: Record<string, readonly string[]> = {};
    for (const { name: node, host } of this.nodes) {
      const kept: string[] = [];
      for (const [whole, parts] of Object.entries(PARTS)) {
        const file = host.path(`/etc/gantry/services/gantry-${whole}.json`);
        if (!existsSync(file)) continue;
        const { argv } = JSON.parse(readFileSync(file, 'utf8')) as { argv: string[] };
        const flags = argv.filter(word => word.startsWith('--'));
        await host.service(`gantry-${whole}`).stop();
        for (const [part, flagsOf] of Object.entries(parts)) {
          await host.supervise(`gantry-${part}`, gantryCommand('run', part, ...flagsOf(flags)));
          kept.push(part);
        }
      }
      names[node] = [...(this.#names[node]?.filter(name => !(name in PARTS)) ?? []), ...kept];
    }
    this.#names = names;
  }

  close(): void {
    for (const { client } of this.nodes) client.close();
  }

  #service({ node, name }: Daemon): Service {
    const host = this.nodes.find(each => each.name === node)?.host;
    if (host === undefined) throw new Error(`there is no node ${node}`);
    return host.service(`gantry-${name}`);
  }
}

/** Flags that a daemon of several parts gives to one of them, by the part's own names. */
function renamed(names: Readonly<Record<string, string>>): (flags: readonly string[]) => string[] {
  return flags =>
    flags.flatMap(flag => {
      const [, name = '', rest = ''] = /^--([^=]+)(.*)$/.exec(flag) ?? [];
      const own = names[name];
      return own === undefined ? [] : [`--${own}${rest}`];
    });
}

const CONTROLLER_MANAGER = {
  'controller-manager-kubeconfig': 'kubeconfig',
  'root-ca-file': 'root-ca-file',
  'cluster-signing-cert-file': 'cluster-signing-cert-file',
  'cluster-signing-key-file': 'cluster-signing-key-file',
  'cluster-signing-duration': 'cluster-signing-duration',
  'use-service-account-credentials': 'use-service-account-credentials',
  'allocate-node-cidrs': 'allocate-node-cidrs',
  'cluster-cidr': 'cluster-cidr',
  controllers: 'controllers',
};
const OF_EACH_PART = { kubeconfig: 'kubeconfig', 'hostname-override': 'hostname-override' };
const DNS = {
  'dns-listen': 'listen',
  'dns-listen-shared': 'listen-shared',
  'dns-address': 'dns-address',
  'cluster-domain': 'cluster-domain',
};

/** Of the process that has all three parts alone: it renews the certificates of its machine. */
const OF_THE_WHOLE = { 'renew-certificates': '', 'certificate-validity-period': '', 'node-name': '' };

/** The rest of the flags: those that no other part is given. */
function without(...others: readonly object[]): (flags: readonly string[]) => string[] {
  const taken = new Set(others.flatMap(other => Object.keys(other)));
  return flags => flags.filter(flag => !taken.has(/^--([^=]+)/.exec(flag)?.[1] ?? ''));
}

const PARTS: Readonly<Record<string, Readonly<Record<string, (flags: readonly string[]) => string[]>>>> = {
  'control-plane': {
    apiserver: without(CONTROLLER_MANAGER, OF_THE_WHOLE, { 'scheduler-kubeconfig': '' }),
    'controller-manager': renamed({ ...CONTROLLER_MANAGER, 'service-cluster-ip-range': 'service-cluster-ip-range' }),
    scheduler: renamed({ 'scheduler-kubeconfig': 'kubeconfig' }),
  },
  node: {
    kubelet: without(DNS, { 'cluster-cidr': '', 'proxy-config': '' }),
    network: renamed({ ...OF_EACH_PART, 'cluster-cidr': 'cluster-cidr' }),
    proxy: renamed({ ...OF_EACH_PART, 'cluster-cidr': 'cluster-cidr', 'proxy-config': 'config' }),
    dns: renamed({ kubeconfig: 'kubeconfig', ...DNS }),
  },
};
