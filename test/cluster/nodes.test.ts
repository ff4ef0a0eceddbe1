import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS } from '../../src/linux/fault-point.ts';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('a cluster of two nodes', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let said = '';
  const joinWords = (): string[] => {
    const [, endpoint = '', token = '', pin = ''] =
      /gantry join (\S+) --token (\S+) \\\s+--discovery-token-ca-cert-hash (\S+)/.exec(said) ?? [];
    return [endpoint, token, pin];
  };

  beforeAll(async () => {
    const config = `${cluster.kubeconfig}.kind.yaml`;
    writeFileSync(
      config,
      `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
- role: worker
  labels: {tier: front}
`,
    );
    said = await cluster.create('--config', config);
  });
  afterAll(() => cluster.delete());

  it('has registered both, the control plane with its role and its taint', async () => {
    const rows = await kubectl.ok(
      'get nodes --sort-by=.metadata.name -o',
      'custom-columns=N:.metadata.name,L:.metadata.labels.tier,T:.spec.taints[*].key,C:.spec.podCIDR',
      '--no-headers',
    );
    const [control = '', worker = ''] = rows.split('\n');
    expect(control).toMatch(/-control-plane +<none> +.*node-role.kubernetes.io\/control-plane.* 10\.244\.\d+\.0\/24/);
    expect(worker).toMatch(/-worker +front .* 10\.244\.\d+\.0\/24/);
    expect(worker).not.toContain('node-role');
    expect(await kubectl.ok('get nodes -l node-role.kubernetes.io/control-plane -o name')).toBe(
      `node/${cluster.name}-control-plane`,
    );
  });

  it('gave the worker its credentials by a signing request, and took the token away again', async () => {
    expect(await kubectl.ok('get csr -o jsonpath={.items[0].spec.signerName}')).toBe(
      'kubernetes.io/kube-apiserver-client-kubelet',
    );
    const kubelet = await cluster.onNode('worker', 'cat', '/etc/kubernetes/kubelet.conf');
    expect(kubelet).toContain('/var/lib/kubelet/pki/kubelet-client-current.pem');
    expect(await cluster.onNode('worker', 'ls', '/etc/kubernetes')).not.toContain('bootstrap');
  });

  it('keeps a configuration for kubelets in the cluster, which the worker took', async () => {
    const stored = await kubectl.ok('get configmap kubelet-config --namespace kube-system -o jsonpath={.data.kubelet}');
    // with the resolver file of that machine, which is not the same everywhere
    expect((await cluster.onNode('worker', 'cat', '/var/lib/kubelet/config.yaml')).trim()).toBe(
      `${stored.trim()}\nresolvConf: /etc/resolv.conf`,
    );
  });

  it('is joined again without a change', async () => {
    const [endpoint = '', token = '', pin = ''] = joinWords();
    const join = gantryCommand('join', endpoint, '--token', token, '--discovery-token-ca-cert-hash', pin);
    const before = await cluster.onNode('worker', 'sha256sum', '/etc/kubernetes/kubelet.conf');
    expect(await cluster.onNode('worker', ...join, '--node-labels=tier=front')).toContain(
      'This node has joined the cluster',
    );
    expect(await cluster.onNode('worker', 'sha256sum', '/etc/kubernetes/kubelet.conf')).toBe(before);
  });

  it('is back with both nodes after stop and start', async () => {
    const beat = (): Promise<string> =>
      kubectl.ok(`get lease ${cluster.name}-worker --namespace kube-node-lease -o jsonpath={.spec.renewTime}`);
    const before = await beat();
    expect((await cluster.run(['stop'])).code).toBe(0);
    expect((await cluster.run(['start'])).code).toBe(0);
    await waitFor('the kubelet of the worker to renew its lease', async saw => {
      const now = await beat();
      saw(now);
      return now !== before;
    });
  });
});

describe('join', () => {
  it('killed after any of its phases is finished by the next one', async () => {
    const cluster = new TestCluster();
    try {
      // one that stands, whose worker then forgets that it belongs to it; supervisors heed what they are told up to a second later
      const said = await cluster.create('--nodes', '2');
      const [, words = ''] = /gantry (join [^\n]+)\\\n/.exec(said) ?? [];
      const [, pin = ''] = /--discovery-token-ca-cert-hash (\S+)/.exec(said) ?? [];
      const join = [...gantryCommand(...words.trim().split(' ')), '--discovery-token-ca-cert-hash', pin];
      const forget =
        'cd /run/host-services; for s in gantry-*; do printf d > $s/supervise/control; done; for s in gantry-*; do while [ -s $s/supervise/pid ]; do sleep 0.1; done; printf x > $s/supervise/control; done; while pgrep -x runsv; do sleep 0.1; done; rm -rf /etc/gantry/* /etc/kubernetes/* /var/lib/kubelet/pki';
      await cluster.onNode('worker', 'sh', '-c', forget);
      await cluster.kubectl().ok(`delete node ${cluster.name}-worker`);
      for (const point of FAULT_POINTS.filter(each => each.startsWith('bootstrap/join/'))) {
        const killed = await cluster.run(['exec', 'worker', '--', 'env', `GANTRY_FAULT=${point}`, ...join]);
        expect(killed, point).toMatchObject({ code: 128 + 9, err: '' });
      }
      expect(await cluster.onNode('worker', ...join)).toContain('This node has joined the cluster');
      await waitFor('the node to be back', async () =>
        (await cluster.kubectl().ok('get nodes -o name')).includes(`${cluster.name}-worker`),
      );
    } finally {
      await cluster.delete();
    }
  });
});
