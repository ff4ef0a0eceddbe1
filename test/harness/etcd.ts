import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { EtcdClient } from '../../src/etcd/client.ts';
import { waitFor } from './wait-for.ts';

export interface EtcdServerOptions {
  /** Where its data goes; in memory unless given. */
  readonly parent?: string;
  /** Further arguments of etcd. */
  readonly args?: readonly string[];
  /** Client certificates are asked for; paths of PEM files. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** One member elects itself: no need to wait a second for it. */
function alone(peer: number): { readonly name: string; readonly cluster: string; readonly electionMs: number } {
  return { name: 'one', cluster: `one=http://127.0.0.1:${peer}`, electionMs: 100 };
}

/** A member of etcd, mostly the only one, on ports of 127.0.0.1, with its data in memory, that can be killed and started again on the same data. */
export class EtcdServer {
  readonly endpoint: string;
  readonly folder: string;
  readonly #args: readonly string[];
  readonly #tls: EtcdServerOptions['tls'];
  #child: ChildProcess | undefined;

  private constructor(folder: string, client: number, peer: number, options: EtcdServerOptions, member = alone(peer)) {
    const scheme = options.tls === undefined ? 'http' : 'https';
    this.endpoint = `${scheme}://127.0.0.1:${client}`;
    this.folder = folder;
    this.#tls = options.tls;
    const peerUrl = `http://127.0.0.1:${peer}`;
    this.#args = [
      '--data-dir=data',
      `--name=${member.name}`,
      `--listen-client-urls=${this.endpoint}`,
      `--advertise-client-urls=${this.endpoint}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=${member.cluster}`,
      `--heartbeat-interval=${member.electionMs / 10}`,
      `--election-timeout=${member.electionMs}`,
      ...(options.tls === undefined
        ? []
        : [
            `--cert-file=${options.tls.cert}`,
            `--key-file=${options.tls.key}`,
            `--trusted-ca-file=${options.tls.ca}`,
            '--client-cert-auth',
          ]),
      ...(options.args ?? []),
    ];
  }

  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const folder = mkdtempSync(join(options.parent ?? '/dev/shm', 'gantry-etcd-'));
    const [client, peer] = await freePorts();
    const server = new EtcdServer(folder, client, peer, options);
    await server.start();
    return server;
  }

  /** The members of one cluster, each with data of its own. The caller removes them all. */
  static async startCluster(size: number): Promise<readonly EtcdServer[]> {
    const ports = await Promise.all(Array.from({ length: size }, () => freePorts()));
    const cluster = ports.map(([, peer], i) => `m${i}=http://127.0.0.1:${peer}`).join(',');
    const members = ports.map(([client, peer], i) => {
      const folder = mkdtempSync(join('/dev/shm', 'gantry-etcd-'));
      // several that share a busy machine: a pause is no reason for an election
      return new EtcdServer(folder, client, peer, {}, { name: `m${i}`, cluster, electionMs: 1000 });
    });
    await Promise.all(members.map(member => member.start()));
    return members;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Starts it on its data and waits until it answers. */
  async start(): Promise<void> {
    // it goes with this process, whatever ends that
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'etcd', ...this.#args], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr?.on('data', piece => {
      log = (log + String(piece)).slice(-4000);
    });
    this.#child = child;
    const client = this.client({ timeoutMs: 500, retryMs: 0 });
    try {
      await waitFor(
        'etcd to answer',
        async saw => {
          if (child.exitCode !== null) throw new Error(`etcd exited with ${child.exitCode}: ${log}`);
          saw(log.slice(-500));
          await client.range('/none');
          return true;
        },
        { timeoutMs: 20_000 },
      );
    } finally {
      client.close();
    }
  }

  /** kill -9, and waits until it is gone. Safe to repeat. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** While it is dead: as if it had been restored from nothing. */
  eraseData(): void {
    rmSync(join(this.folder, 'data'), { recursive: true, force: true });
  }

  /** SIGSTOP and SIGCONT: a server that keeps its connections and answers nothing. */
  /** All its threads stand when this returns: the signal alone lets them finish an answer on a busy machine. */
  freeze(): void {
    const threads = `/proc/${this.pid}/task`;
    this.#child?.kill('SIGSTOP');
    // stopped, or dead
    const stands = (thread: string): boolean => /\) [TZX] /.test(readFileSync(`${threads}/${thread}/stat`, 'utf8'));
    while (!readdirSync(threads).every(stands));
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** A client of it; the caller closes it. */
  client(options: { timeoutMs?: number; retryMs?: number } = {}): EtcdClient {
    const tls = this.#tls;
    return new EtcdClient({
      endpoints: [this.endpoint],
      ...options,
      ...(tls === undefined
        ? {}
        : { tls: { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) } }),
    });
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Two ports that were free a moment ago. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(async server => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  return [ports[0] ?? 0, ports[1] ?? 0];
}
