import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../src/api/types/gen/certificates-v1.ts';
import { isNotFound } from '../../src/base/errors.ts';
import type { ApiObject } from '../../src/client/api-object.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import type { FaultPoint } from '../../src/linux/fault-point.ts';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { certificateIdentity, parseCertificate } from '../../src/pki/certificate.ts';
import { type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { armFault, waitForRestart } from '../harness/fault.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { waitFor } from '../harness/wait-for.ts';

const PKI = '/etc/kubernetes/pki';
const KUBECONFIG = '/etc/kubernetes/own.conf';
const CONFIG = '/etc/kubernetes/kubelet-config.yaml';
const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
const BOOTSTRAPPERS = 'system:bootstrappers:kubeadm:default-node-token';

let node: ClusterNode;
beforeAll(async () => {
  node = await clusterNode({ kubelet: false });
  const { host } = node.target;
  const bind = (name: string, role: string, group = BOOTSTRAPPERS): ApiObject =>
    ({
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
    }) as ApiObject;
  const bindings = new ResourceClient(node.admin, {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    plural: 'clusterrolebindings',
  });
  await bindings.create(bind('bootstrap', 'system:node-bootstrapper'));
  const approved = 'system:certificates.k8s.io:certificatesigningrequests';
  await bindings.create(bind('approve', `${approved}:nodeclient`));
  await bindings.create(bind('renew', `${approved}:selfnodeclient`, 'system:nodes'));
  const secret = {
    metadata: { name: `bootstrap-token-${TOKEN.id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': TOKEN.id,
      'token-secret': TOKEN.secret,
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': BOOTSTRAPPERS,
    },
  };
  await new ResourceClient(node.admin, { group: '', version: 'v1', plural: 'secrets' }).create(secret as ApiObject);
  const bootstrap = JSON.parse(node.kubeconfig('nobody', [], true));
  bootstrap.users[0].user = { token: `${TOKEN.id}.${TOKEN.secret}` };
  writeFileSync(host.path('/etc/kubernetes/bootstrap.conf'), JSON.stringify(bootstrap));
  writeFileSync(host.path('/etc/kubernetes/admin.conf'), node.kubeconfig('admin', ['system:masters'], true));
  writeFileSync(
    host.path(CONFIG),
    JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      rotateCertificates: true,
      failSwapOn: false,
    }),
  );
});
afterAll(() => node?.delete());

const requests = () =>
  new ResourceClient<CertificateSigningRequest>(node.admin, {
    group: 'certificates.k8s.io',
    version: 'v1',
    plural: 'certificatesigningrequests',
  });

/** Signs for as long as the test says: `duration` is how long certificates are good. */
async function signer(duration: string): Promise<void> {
  const service = await node.target.host.supervise(
    'gantry-controllers',
    gantryCommand(
      'run',
      'controller-manager',
      '--kubeconfig=/etc/kubernetes/admin.conf',
      '--controllers=csrapproving,csrsigning',
      '--leader-elect=false',
      `--cluster-signing-cert-file=${PKI}/ca.crt`,
      `--cluster-signing-key-file=${PKI}/ca.key`,
      `--cluster-signing-duration=${duration}`,
    ),
  );
  // it may run with another duration
  service.signal('KILL');
  service.start();
}

async function start(): Promise<Service> {
  const service = await node.startKubelet([
    `--kubeconfig=${KUBECONFIG}`,
    '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap.conf',
    `--config=${CONFIG}`,
  ]);
  service.start();
  return service;
}

async function registered(): Promise<void> {
  await waitFor('the node to be registered', async () => {
    try {
      return (await node.nodes.get('', node.name)).metadata.name === node.name;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  });
}

/** The link names a path of the host. */
function current(): string {
  const { host } = node.target;
  return readFileSync(host.path(readlinkSync(host.path('/var/lib/kubelet/pki/kubelet-client-current.pem'))), 'utf8');
}

describe('a kubelet without credentials of its own', () => {
  it('asks for a certificate with a bootstrap token and registers, killed with -9 at every step of it', async () => {
    const { host } = node.target;
    const kubelet = await start();
    await waitFor('the request', async () => (await requests().list('')).items.length === 1);
    for (const point of ['node-credentials/requested', 'node-credentials/certificate-written'] satisfies FaultPoint[]) {
      const doomed = await armFault(host, kubelet, point);
      await signer('1h');
      await waitForRestart(kubelet, doomed);
    }
    await registered();
    const [request, ...more] = (await requests().list('')).items;
    expect(more).toEqual([]);
    expect(request?.spec).toMatchObject({
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      username: `system:bootstrap:${TOKEN.id}`,
      usages: ['digital signature', 'client auth'],
    });
    expect(certificateIdentity(parseCertificate(current()).raw)).toMatchObject({
      commonName: `system:node:${node.name}`,
      organizations: ['system:nodes'],
    });
    const own = JSON.parse(readFileSync(host.path(KUBECONFIG), 'utf8'));
    expect(own.users[0].user['client-certificate']).toBe('/var/lib/kubelet/pki/kubelet-client-current.pem');
    expect(readdirSync(host.path('/var/lib/kubelet/pki')).filter(name => name.includes('tmp'))).toEqual([]);
    await kubelet.stop();
  });

  it('renews the certificate before it is over, and goes on with the new one', async () => {
    const { host } = node.target;
    rmSync(host.path(KUBECONFIG), { force: true });
    rmSync(host.path('/var/lib/kubelet/pki'), { recursive: true });
    await signer('15s');
    const kubelet = await start();
    const first = await waitFor('the first certificate', () => current());
    await waitFor('another certificate', () => current() !== first, { timeoutMs: 60_000 });
    const before = (await node.nodes.get('', node.name)).metadata.resourceVersion;
    await node.nodes.patch({ namespace: '', name: node.name, subresource: 'status' }, 'merge', {
      status: { conditions: null },
    });
    await waitFor('the kubelet to write with the new certificate', async () => {
      const { metadata, status } = await node.nodes.get('', node.name);
      return metadata.resourceVersion !== before && (status?.conditions ?? []).length === 4;
    });
    await kubelet.stop();
  });

  it('says that its request was denied and ends', async () => {
    const { host } = node.target;
    rmSync(host.path(KUBECONFIG), { force: true });
    rmSync(host.path('/var/lib/kubelet/pki'), { recursive: true });
    await host.service('gantry-controllers').stop();
    await requests().deleteCollection('');
    const kubelet = await start();
    const request = await waitFor('the request', async () => (await requests().list('')).items[0]);
    const denied = { type: 'Denied', status: 'True', reason: 'ByHand', message: 'no such machine' } as const;
    await requests().patch({ namespace: '', name: request.metadata.name ?? '', subresource: 'approval' }, 'merge', {
      status: { conditions: [denied] },
    });
    await waitFor('the log to say so', () =>
      readFileSync(kubelet.logFile, 'utf8').includes('was denied: ByHand: no such machine'),
    );
    await kubelet.stop();
  });
});
