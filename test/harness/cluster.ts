import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { runCommand } from '../../src/linux/command.ts';
import { type Host, openHost } from '../../src/local-cluster/host/host.ts';
import { clusterNetwork, hostLink } from '../../src/local-cluster/network/plan.ts';
import { hostsDirOf, readClusterRecord } from '../../src/local-cluster/record.ts';
import { gantryCommand } from './gantry-command.ts';
import { Kubectl, newestKubectl, type Program } from './kubectl.ts';
import { makeRunDirectory, RUN_DIR, RUN_ID } from './run-id.ts';

/** Where the clusters of this test process are. */
export const CLUSTERS_DIR = `${RUN_DIR}/clusters`;
const PATIENCE_MS = 150_000;

export interface CommandAnswer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let made = 0;

/** A cluster's name, and the command that makes it and works with it, on data of this test process alone. */
export class TestCluster {
  readonly name: string;
  readonly kubeconfig: string;
  readonly #clustersDir: string;

  constructor(clustersDir: string = CLUSTERS_DIR) {
    this.#clustersDir = clustersDir;
    made += 1;
    this.name = `${RUN_ID}-${made}`;
    makeRunDirectory();
    this.kubeconfig = `${RUN_DIR}/${this.name}.kubeconfig`;
  }

  /** `gantry cluster create` with further flags. Throws what it said when it fails. */
  async create(...flags: readonly string[]): Promise<string> {
    const answer = await this.run(['create', `--kubeconfig=${this.kubeconfig}`, ...flags]);
    if (answer.code !== 0) throw new Error(`cluster create ended with ${answer.code}: ${answer.err}${answer.out}`);
    return answer.out;
  }

  /** `gantry cluster …` of this cluster, to its end, whatever its code. */
  async run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CommandAnswer> {
    return runToEnd(this.command(words), env);
  }

  /** `gantry service NAME`: what it says. Throws its error. */
  async service(name: string, ...flags: readonly string[]): Promise<string> {
    const [file = '', ...args] = gantryCommand(
      'service',
      name,
      `--name=${this.name}`,
      `--clusters-dir=${this.#clustersDir}`,
      ...flags,
    );
    const result = await runCommand(file, args, { env: environment({}), timeoutMs: PATIENCE_MS });
    if (result.code !== 0) throw new Error(result.stderr.toString('utf8'));
    return result.stdout.toString('utf8');
  }

  /** The same, begun and not waited for. */
  start(words: readonly string[]): {
    readonly child: ChildProcess;
    readonly seen: () => string;
    exited(): Promise<number>;
  } {
    const [file = '', ...args] = this.command(words);
    const child = spawn(file, args, { env: environment({}), stdio: ['ignore', 'pipe', 'pipe'] });
    let seen = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', piece => {
        seen += String(piece);
      });
    const ended = once(child, 'close');
    return { child, seen: () => seen, exited: async () => ((await ended) as [number | null])[0] ?? -1 };
  }

  /** A command on a node, which must succeed: its output. */
  async onNode(node: string, ...command: readonly string[]): Promise<string> {
    const answer = await this.run(['exec', node, '--', ...command]);
    if (answer.code !== 0) throw new Error(`${command.join(' ')} on ${node} ended with ${answer.code}: ${answer.err}`);
    return answer.out;
  }

  /** The host of a node (`control-plane`, `worker`, `worker2`), which has to run. */
  host(node: string): Host {
    return openHost(`${this.name}-${node}`, hostsDirOf(this.name, CLUSTERS_DIR));
  }

  /** Pulls a node's cable out of the cluster's bridge, or puts it in again. What runs on the node goes on. */
  async cable(node: string, state: 'out' | 'in'): Promise<void> {
    const { network, nodes } = readClusterRecord(this.name, CLUSTERS_DIR);
    const index = nodes.findIndex(({ name }) => name === `${this.name}-${node}`);
    const { near } = hostLink(this.name, network, index);
    const { code, stderr } = await runCommand('ip', ['link', 'set', near, state === 'out' ? 'down' : 'up']);
    if (code !== 0) throw new Error(`the link ${near} of ${node}: ${stderr.toString('utf8')}`);
  }

  /** kubectl from outside, by the context that `create` wrote; the newest unless given. */
  kubectl(program: Program = newestKubectl()): Kubectl {
    if ('missing' in program) throw new Error(program.missing);
    return new Kubectl({
      program: program.path,
      server: { folder: RUN_DIR },
      kubeconfig: this.kubeconfig,
      timeoutMs: PATIENCE_MS,
    });
  }

  /** `gantry cluster delete`. Safe to repeat. */
  async delete(): Promise<void> {
    const answer = await this.run(['delete', '--ignore-missing']);
    if (answer.code !== 0) throw new Error(`cluster delete ended with ${answer.code}: ${answer.err}`);
  }

  /** `gantry cluster delete --all`: every cluster of this test process. */
  static async deleteAll(): Promise<CommandAnswer> {
    return runToEnd(gantryCommand('cluster', 'delete', '--all', `--clusters-dir=${CLUSTERS_DIR}`));
  }

  /** What stands of it: its directory, its links, its nft table. */
  async remains(): Promise<string[]> {
    const { stdout } = await runCommand('nft', ['list', 'tables']);
    const network = clusterNetwork(this.name, '192.0.2.0/24');
    const near = hostLink(this.name, network, 0).near.replace(/0$/, '');
    const tables = stdout.toString('utf8').split('\n');
    return [
      ...(existsSync(`${this.#clustersDir}/${this.name}`) ? ['directory'] : []),
      ...readdirSync('/sys/class/net').filter(link => link === network.bridge || link.startsWith(near)),
      ...tables.filter(table => table.endsWith(`gantry-cluster-${this.name}`)),
    ];
  }

  private command(words: readonly string[]): string[] {
    const [verb = '', ...rest] = words;
    return gantryCommand(
      'cluster',
      ...verb.split(' '),
      `--name=${this.name}`,
      `--clusters-dir=${this.#clustersDir}`,
      ...rest,
    );
  }
}

async function runToEnd(
  [file = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandAnswer> {
  const result = await runCommand(file, args, { env: environment(env), timeoutMs: PATIENCE_MS });
  return {
    code: result.code ?? 128 + (result.signal ?? 0),
    out: result.stdout.toString('utf8'),
    err: result.stderr.toString('utf8'),
  };
}

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: RUN_DIR, NODE_EXTRA_CA_CERTS: '', ...more };
}
