import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import type { Event, Node, Pod } from '../../src/api/types/gen/core-v1.ts';
import { isAlreadyExists, isNotFound } from '../../src/base/errors.ts';
import type { ApiObject } from '../../src/client/api-object.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { generateKey, privateKeyPem } from '../../src/pki/keys.ts';
import { armable } from './fault.ts';
import { gantryCommand } from './gantry-command.ts';
import { relayTo } from './relay.ts';
import { type RuntimeHost, type RuntimeHostOptions, runtimeHost, testedRuntime } from './runtime-host.ts';
import { TestAuthority } from './test-authority.ts';
import { waitFor } from './wait-for.ts';

const PKI = '/etc/kubernetes/pki';
const API_PORT = 6443;
const RELAY = '/run/apiserver.sock';
export const MANIFESTS = '/etc/kubernetes/manifests';

export interface ClusterNodeOptions extends RuntimeHostOptions {
  /** Further flags of the API server and of the kubelet. */
  readonly apiServerArgs?: readonly string[];
  readonly kubeletArgs?: readonly string[];
  /** False: the test starts the kubelet itself. */
  readonly kubelet?: boolean;
}

/** One host with etcd, the built API server and the built kubelet, beside the runtime under test. */
export interface ClusterNode {
  readonly target: RuntimeHost;
  readonly name: string;
  readonly etcd: Service;
  readonly apiServer: Service;
  readonly kubelet: Service;
  readonly authority: TestAuthority;
  /** An administrator's connection from outside the host; it is made again when the server was away. */
  readonly admin: ApiConnection;
  readonly pods: ResourceClient<Pod>;
  readonly nodes: ResourceClient<Node>;
  readonly events: ResourceClient<Event>;
  /** A kubeconfig for use on the machine (`inside`: in the host); returns its text. */
  kubeconfig(user: string, groups: readonly string[], inside?: boolean): string;
  startKubelet(args?: readonly string[]): Promise<Service>;
  pod(name: string): Promise<Pod | undefined>;
  /** Waits until `holds` says so of the pod; undefined stands for one that is not there. */
  until(what: string, name: string, holds: (pod: Pod | undefined) => boolean): Promise<Pod | undefined>;
  running(name: string): Promise<Pod>;
  gone(name: string): Promise<void>;
  delete(): Promise<void>;
}

export async function clusterNode(options: ClusterNodeOptions = {}): Promise<ClusterNode> {
  const target = await runtimeHost(testedRuntime(), options);
  const { host } = target;
  const authority = new TestAuthority();
  let relay: Server | undefined;
  try {
    mkdirSync(host.path(PKI), { recursive: true });
    mkdirSync(host.path(MANIFESTS), { recursive: true });
    const serving = authority.issue('kube-apiserver', [], 'serverAuth');
    const kubeletClient = authority.issue('kube-apiserver-kubelet-client', ['system:masters'], 'clientAuth');
    const files = {
      'ca.crt': authority.pem,
      'ca.key': authority.keyPem,
      'server.crt': serving.cert,
      'server.key': serving.key,
      'kubelet-client.crt': kubeletClient.cert,
      'kubelet-client.key': kubeletClient.key,
      'sa.key': privateKeyPem(generateKey()),
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(host.path(`${PKI}/${name}`), text, { mode: 0o600 });
    const etcd = await host.supervise('etcd', ['etcd', '--data-dir=/var/lib/etcd', '--unsafe-no-fsync']);
    const apiServer = await host.supervise(
      'gantry-apiserver',
      gantryCommand(
        'run',
        'apiserver',
        '--bind-address=127.0.0.1',
        `--secure-port=${API_PORT}`,
        `--tls-cert-file=${PKI}/server.crt`,
        `--tls-private-key-file=${PKI}/server.key`,
        `--client-ca-file=${PKI}/ca.crt`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-signing-key-file=${PKI}/sa.key`,
        `--kubelet-client-certificate=${PKI}/kubelet-client.crt`,
        `--kubelet-client-key=${PKI}/kubelet-client.key`,
        '--kubelet-preferred-address-types=InternalIP',
        ...(options.apiServerArgs ?? []),
      ),
    );
    await host.supervise('api-relay', ['socat', `UNIX-LISTEN:${RELAY},fork,unlink-early`, `TCP:127.0.0.1:${API_PORT}`]);
    relay = await relayTo(host.path(RELAY));
    const { port } = relay.address() as AddressInfo;
    const kubeconfig: ClusterNode['kubeconfig'] = (user, groups, inside = false) =>
      kubeconfigText(authority, `https://127.0.0.1:${inside ? API_PORT : port}`, user, groups);
    writeFileSync(
      host.path('/etc/kubernetes/kubelet.conf'),
      kubeconfig(`system:node:${host.name}`, ['system:nodes'], true),
    );
    const { cert, key } = authority.issue('admin', ['system:masters'], 'clientAuth');
    const admin = new ApiConnection(
      { server: `https://127.0.0.1:${port}`, ca: authority.pem, certificate: { cert, key }, namespace: 'default' },
      { userAgent: 'test' },
    );
    await waitFor('the API server to be ready', async saw => {
      const answer = await admin.call({ method: 'GET', path: '/readyz', timeoutMs: 1000 });
      saw(answer.body.toString());
      return answer.status === 200;
    });
    await ensureServiceAccount(admin);
    const startKubelet = (args: readonly string[] = options.kubeletArgs ?? []): Promise<Service> =>
      host.supervise(
        'gantry-kubelet',
        armable(
          'gantry-kubelet',
          gantryCommand(
            'run',
            'kubelet',
            ...(args.some(arg => arg.startsWith('--kubeconfig')) ? [] : ['--kubeconfig=/etc/kubernetes/kubelet.conf']),
            `--hostname-override=${host.name}`,
            '--node-ip=127.0.0.1',
            `--pod-manifest-path=${MANIFESTS}`,
            `--container-runtime-endpoint=${target.endpoint}`,
            `--client-ca-file=${PKI}/ca.crt`,
            ...args,
          ),
        ),
      );
    const kubelet = options.kubelet === false ? host.service('gantry-kubelet') : await startKubelet();
    const openRelay = relay;
    return nodeHandle({ target, authority, admin, etcd, apiServer, kubelet, kubeconfig, startKubelet }, async () => {
      admin.close();
      openRelay.close();
      await target.delete();
    });
  } catch (error) {
    relay?.close();
    await target.delete();
    throw error;
  }
}

type Parts = Pick<
  ClusterNode,
  'target' | 'authority' | 'admin' | 'etcd' | 'apiServer' | 'kubelet' | 'kubeconfig' | 'startKubelet'
>;

function nodeHandle(parts: Parts, end: () => Promise<void>): ClusterNode {
  const client = <T extends ApiObject>(plural: string): ResourceClient<T> =>
    new ResourceClient<T>(parts.admin, { group: '', version: 'v1', plural });
  const pods = client<Pod>('pods');
  const pod = async (name: string): Promise<Pod | undefined> => {
    try {
      return await pods.get('default', name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const until: ClusterNode['until'] = async (what, name, holds) => {
    const found = await waitFor(`pod ${name} ${what}`, async saw => {
      const seen = await pod(name);
      saw(seen?.status);
      return holds(seen) && { seen };
    });
    return found.seen;
  };
  return {
    ...parts,
    name: parts.target.host.name,
    pods,
    nodes: client<Node>('nodes'),
    events: client<Event>('events'),
    pod,
    until,
    async running(name) {
      const seen = await until('to be ready', name, each =>
        (each?.status?.conditions ?? []).some(c => c.type === 'Ready' && c.status === 'True'),
      );
      if (seen === undefined) throw new Error(`there is no pod ${name}`);
      return seen;
    },
    gone: async name => {
      await until('to be gone', name, each => each === undefined);
    },
    delete: end,
  };
}

/** A pod of one busybox container that is bound to the node, as a scheduler would have it. */
export function boundPod(node: string, name: string, script: string, spec: object = {}, container: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'main',
          image: 'localhost/busybox:1.35',
          imagePullPolicy: 'IfNotPresent',
          command: ['/bin/sh', '-c', script],
          ...container,
        },
      ],
      ...spec,
    },
  } as unknown as Pod;
}

function kubeconfigText(authority: TestAuthority, server: string, user: string, groups: readonly string[]): string {
  const { cert, key } = authority.issue(user, groups, 'clientAuth');
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(authority.pem) } }],
    users: [{ name: user, user: { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user } }],
    'current-context': 'test',
  });
}

/** No controller makes it here, and without it no pod is admitted. */
async function ensureServiceAccount(admin: ApiConnection): Promise<void> {
  const accounts = new ResourceClient(admin, { group: '', version: 'v1', plural: 'serviceaccounts' });
  await waitFor('the namespace default to take a service account', async saw => {
    try {
      await accounts.create({ metadata: { name: 'default', namespace: 'default' } });
      return true;
    } catch (error) {
      saw(error);
      return isAlreadyExists(error);
    }
  });
}
