import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { errorMessage } from '../../src/base/errors.ts';
import { generateKey, privateKeyPem } from '../../src/pki/keys.ts';
import { ApiClient } from './api-client.ts';
import { EtcdServer, freePorts } from './etcd.ts';
import { gantryCommand } from './gantry-command.ts';
import { TestAuthority } from './test-authority.ts';
import { waitFor } from './wait-for.ts';

export interface TestApiServerOptions {
  /** Another server: this one shares its etcd and its certificates, and leaves both to it. */
  readonly beside?: TestApiServer;
  /** Where etcd's data goes; in memory unless given. */
  readonly etcdParent?: string;
  /** Where the server finds its etcd, if not directly: a proxy before it. */
  readonly etcdEndpoint?: string;
  /** An etcd that runs already; the caller ends it. */
  readonly etcd?: EtcdServer;
  /** Further flags of the command. */
  readonly args?: readonly string[];
}

/** What a client shows and trusts, in PEM. */
export interface ClientCredentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The built API server on loopback, with an etcd and certificates made for it. */
export class TestApiServer {
  readonly folder: string;
  readonly url: string;
  readonly port: number;
  readonly etcd: EtcdServer;
  /** Signs the certificate of the server and those of its clients. */
  readonly authority: TestAuthority;
  readonly #args: readonly string[];
  readonly #ownsEtcd: boolean;
  readonly #etcdEndpoint: string;
  #child: ChildProcess | undefined;
  #log = '';

  private constructor(folder: string, port: number, etcd: EtcdServer, options: TestApiServerOptions) {
    this.folder = folder;
    this.port = port;
    this.url = `https://127.0.0.1:${port}`;
    this.etcd = etcd;
    this.#args = options.args ?? [];
    this.#ownsEtcd = options.beside === undefined && options.etcd === undefined;
    this.#etcdEndpoint = options.etcdEndpoint ?? etcd.endpoint;
    this.authority = options.beside === undefined ? new TestAuthority() : options.beside.authority;
  }

  static async start(options: TestApiServerOptions = {}): Promise<TestApiServer> {
    const { beside, etcdParent } = options;
    const etcd =
      options.etcd ?? beside?.etcd ?? (await EtcdServer.start(etcdParent === undefined ? {} : { parent: etcdParent }));
    const folder = mkdtempSync(join('/dev/shm', 'gantry-apiserver-'));
    const [port] = await freePorts();
    const server = new TestApiServer(folder, port, etcd, options);
    try {
      if (beside === undefined) server.#writeFiles();
      else cpSync(beside.folder, folder, { recursive: true });
      await server.start();
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  /** What it logged last. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Starts it on its etcd and waits until it is ready. */
  async start(): Promise<void> {
    const file = (name: string): string => join(this.folder, name);
    const [node = '', ...command] = gantryCommand('run', 'apiserver');
    const child = spawn(
      node,
      [
        ...command,
        `--etcd-servers=${this.#etcdEndpoint}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${this.port}`,
        `--tls-cert-file=${file('server.crt')}`,
        `--tls-private-key-file=${file('server.key')}`,
        `--client-ca-file=${file('ca.crt')}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-signing-key-file=${file('sa.key')}`,
        ...this.#args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', piece => {
        this.#log = (this.#log + String(piece)).slice(-20_000);
      });
    this.#child = child;
    await waitFor(
      'the API server to be ready',
      async saw => {
        if (child.exitCode !== null) return true;
        const answer = await this.#ask('/readyz?verbose').catch(error => ({ status: 0, body: errorMessage(error) }));
        saw(`${answer.status} ${answer.body}\n${this.#log.slice(-800)}`);
        return answer.status === 200;
      },
      { timeoutMs: 30_000 },
    );
    if (child.exitCode !== null) throw new Error(`the API server exited with ${child.exitCode}: ${this.#log}`);
  }

  /** SIGTERM, and waits until it is gone: its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error('the API server does not run');
    this.#child = undefined;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = (await exited) as [number | null];
    return code;
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

  /** The client certificate of a user, and the CA that the server's is signed by. */
  credentials(user: string, groups: readonly string[]): ClientCredentials {
    return { ca: this.authority.pem, ...this.authority.issue(user, groups, 'clientAuth') };
  }

  /** A client with a certificate; whoever makes it closes it. */
  clientFor(user: string, groups: readonly string[]): ApiClient {
    return new ApiClient({ url: this.url, ...this.credentials(user, groups) });
  }

  /** A client with a token; whoever makes it closes it. */
  clientWithToken(token: string): ApiClient {
    return new ApiClient({ url: this.url, ca: this.authority.pem, token });
  }

  /** A kubeconfig for a user with a client certificate; returns its path. */
  kubeconfigFor(user: string, groups: readonly string[]): string {
    const { cert, key } = this.authority.issue(user, groups, 'clientAuth');
    return this.#writeKubeconfig(user, {
      'client-certificate-data': base64(cert),
      'client-key-data': base64(key),
    });
  }

  /** A kubeconfig for who has a token; returns its path. */
  kubeconfigWithToken(token: string): string {
    return this.#writeKubeconfig('token', { token });
  }

  /** The status of a GET as anonymous. */
  async get(path: string): Promise<number> {
    return (await this.#ask(path)).status;
  }

  #ask(path: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, path, ca: this.authority.pem, agent: false };
      const asked = request(options, response => {
        let body = '';
        response.setEncoding('utf8').on('data', piece => {
          body += piece;
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      asked.once('error', reject);
      asked.end();
    });
  }

  /** Ends it, and its etcd unless that is another's, and removes their data. */
  async remove(): Promise<void> {
    await this.kill();
    if (this.#ownsEtcd) await this.etcd.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #writeFiles(): void {
    const serving = this.authority.issue('kube-apiserver', [], 'serverAuth');
    const files = {
      'ca.crt': this.authority.pem,
      'server.crt': serving.cert,
      'server.key': serving.key,
      'sa.key': privateKeyPem(generateKey()),
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, name), text, { mode: 0o600 });
  }

  #writeKubeconfig(user: string, credentials: Readonly<Record<string, string>>): string {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'test',
          cluster: { server: this.url, 'certificate-authority-data': base64(this.authority.pem) },
        },
      ],
      users: [{ name: user, user: credentials }],
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
      'current-context': 'test',
    };
    const path = join(this.folder, `${user.replace(/[^a-z0-9]/g, '-')}.kubeconfig`);
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
