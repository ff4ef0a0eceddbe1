import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('a cluster of one node', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let said = '';
  beforeAll(async () => {
    writeFileSync(
      cluster.kubeconfig,
      'apiVersion: v1\nkind: Config\nclusters: [] # mine\nusers: []\ncontexts: [{name: mine, context: {}}]\n',
    );
    said = await cluster.create();
  });
  afterAll(() => cluster.delete());

  it('says each step', () => {
    for (const step of ['Making the network', 'Making the host', '[certs] Generating "ca"', 'Wrote the context'])
      expect(said).toContain(step);
  });

  it('answers kubectl from outside, by the context that it put beside those that were there', async () => {
    expect(await kubectl.ok('config current-context')).toBe(`gantry-${cluster.name}`);
    expect(readFileSync(cluster.kubeconfig, 'utf8')).toContain('mine');
    expect(await kubectl.ok('get --raw /readyz')).toBe('ok');
    expect(await kubectl.ok('auth can-i delete nodes')).toBe('yes');
  });

  it("has kubeadm's objects", async () => {
    const names = async (what: string): Promise<string[]> => (await kubectl.ok(`get ${what} -o name`)).split('\n');
    expect(await names('configmaps --namespace kube-system')).toContain('configmap/kubeadm-config');
    expect(await names('configmaps --namespace kube-public')).toContain('configmap/cluster-info');
    expect(await names('clusterrolebindings')).toEqual(
      expect.arrayContaining(
        [
          'cluster-admins',
          'get-nodes',
          'kubelet-bootstrap',
          'node-autoapprove-bootstrap',
          'node-autoapprove-certificate-rotation',
        ].map(name => `clusterrolebinding.rbac.authorization.k8s.io/kubeadm:${name}`),
      ),
    );
    expect(await kubectl.ok('get service kube-dns --namespace kube-system -o jsonpath={.spec.clusterIP}')).toBe(
      '10.96.0.10',
    );
  });

  it('keeps the data of etcd to root', async () => {
    const modes = await cluster.onNode('control-plane', 'stat', '-c', '%a %U', '/var/lib/etcd', '/var/lib/etcd/member');
    expect(modes.trim().split('\n')).toEqual(['700 root', '700 root']);
  });

  it('shows cluster-info to everybody, and nothing else', async () => {
    const get = (path: string): Promise<string> =>
      cluster.onNode(
        'control-plane',
        'sh',
        '-c',
        `printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:6443 2>/dev/null`,
      );
    expect(await get('/api/v1/namespaces/kube-public/configmaps/cluster-info')).toContain('200 OK');
    expect(await get('/api/v1/namespaces/kube-system/secrets')).toContain('403 Forbidden');
  });

  it('is initialized again without a change', async () => {
    const before = await cluster.onNode('control-plane', 'sha256sum', '/etc/kubernetes/pki/ca.crt');
    const again = await cluster.onNode('control-plane', ...gantryCommand('init'));
    expect(again).toContain('this node was initialized before');
    expect(again).toContain('Using existing ca certificate authority');
    expect(await cluster.onNode('control-plane', 'sha256sum', '/etc/kubernetes/pki/ca.crt')).toBe(before);
  });

  it('starts its daemons again when they are killed', async () => {
    await cluster.onNode('control-plane', 'sh', '-c', 'kill -9 $(cat /run/host-services/gantry-*/supervise/pid)');
    await waitFor('the API server to answer again', async () => (await kubectl.run('get --raw /readyz')).out === 'ok');
  });

  it('keeps its objects over stop and start', async () => {
    await kubectl.ok('create configmap kept --from-literal=a=b');
    expect((await cluster.run(['stop'])).code).toBe(0);
    const stopped = await cluster.run(['status']);
    expect(stopped.code).toBe(7);
    expect(stopped.out).toContain('host: Stopped');
    expect(await cluster.run(['start'])).toMatchObject({ code: 0, err: '' });
    expect(await kubectl.ok('get configmap kept -o jsonpath={.data.a}')).toBe('b');
  });

  it('prints a kubeconfig of itself alone, and the logs of its daemons', async () => {
    const { out } = await cluster.run(['kubeconfig']);
    expect(out).toContain(`current-context: gantry-${cluster.name}`);
    expect(out).not.toContain('mine');
    const logs = await cluster.run(['logs', 'control-plane', '--service', 'gantry-control-plane', '--tail', '3']);
    expect(logs.out.trim().split('\n')).toHaveLength(3);
    expect((await cluster.run(['logs', 'control-plane', '--service', 'nope'])).err).toMatch(
      /there is no service "nope" on .*; there are gantry-control-plane, gantry-cri, gantry-etcd, gantry-node/,
    );
  });

  it('refuses its own name, and its subnet, to another', async () => {
    const again = await cluster.run(['create']);
    expect([again.code, again.err]).toEqual([
      1,
      `gantry: there is a cluster "${cluster.name}" already: choose another --name, or delete it with "gantry cluster delete --name ${cluster.name}"\n`,
    ]);
    const subnet = /Making the network (\S+)/.exec(said)?.[1] ?? '';
    const other = await new TestCluster().run(['create', '--subnet', subnet]);
    expect(other.err).toContain(`meets ${subnet}, which is of the cluster "${cluster.name}": give another`);
  });

  it('leaves nothing but the other contexts', async () => {
    await cluster.delete();
    expect(await cluster.remains()).toEqual([]);
    const config = readFileSync(cluster.kubeconfig, 'utf8');
    expect(config).toContain('mine');
    expect(config).not.toContain(`gantry-${cluster.name}`);
  });
});
