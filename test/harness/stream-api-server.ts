import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Kubectl } from './kubectl.ts';
import { TestAuthority } from './test-authority.ts';

const POD = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'p', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'c', image: 'i', stdin: true, tty: true }], nodeName: 'n' },
  status: { phase: 'Running', containerStatuses: [{ name: 'c', ready: true, state: { running: {} } }] },
};
const resource = (name: string, kind: string, verbs: string[]) => ({
  name,
  singularName: '',
  namespaced: true,
  kind,
  verbs,
});
const ANSWERS: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/version': { major: '1', minor: '36', gitVersion: 'v1.36.0' },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      resource('pods', 'Pod', ['get', 'list']),
      resource('pods/exec', 'PodExecOptions', ['create', 'get']),
      resource('pods/attach', 'PodAttachOptions', ['create', 'get']),
      resource('pods/portforward', 'PodPortForwardOptions', ['create', 'get']),
    ],
  },
  '/api/v1/namespaces/default': { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'default' } },
  '/api/v1/namespaces/default/pods/p': POD,
};

/** An API server that knows one running pod, `p`, and gives the upgrades of its subresources to a test. */
export interface StreamApiServer extends AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly ca: string;
  readonly sockets: ReadonlySet<Socket>;
  kubectl(program: string, env?: Readonly<Record<string, string>>): Kubectl;
}

export async function streamApiServer(
  onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<StreamApiServer> {
  const authority = new TestAuthority();
  const server = createServer(authority.issue('apiserver', [], 'serverAuth'), (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'https://x');
    const answer = ANSWERS[pathname];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound' }));
  });
  const sockets = new Set<Socket>();
  server.on('secureConnection', socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', onUpgrade);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), 'gantry-streams-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const ca = Buffer.from(authority.pem).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'x',
    clusters: [{ name: 'x', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': ca } }],
    users: [{ name: 'x', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return {
    folder,
    port,
    ca: authority.pem,
    sockets,
    kubectl: (program, env = {}) => new Kubectl({ program, server: { folder }, kubeconfig, env }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true });
    },
  };
}
