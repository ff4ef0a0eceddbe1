import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { endpointProblem } from '../../src/bootstrap/discovery/endpoint-problem.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { put, run } from '../harness/host.ts';
import { documentsOfNode } from '../harness/init-configuration.ts';
import { kubectl, machine, RESET, SLOW } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

const ADDRESS = '10.50.0.2';
const PORT = 7443;
const ENDPOINT = `lb.example:${PORT}`;
const PKI = '/etc/kubernetes/mine';
const IGNORED = '--ignore-preflight-errors=NumCPU,Mem';
const CONFIG = '/etc/gantry-test/init.yaml';
const TAINT = 'node-role.kubernetes.io/control-plane';

/** Everything in it is another than the default. */
const CONFIGURATION = `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: mine
certificatesDir: ${PKI}
certificateValidityPeriod: 1000h
controlPlaneEndpoint: ${ENDPOINT}
networking: {podSubnet: 10.200.0.0/16, serviceSubnet: 10.43.0.0/16, dnsDomain: mine.local}
etcd: {local: {dataDir: /var/lib/etcd/mine}}
apiServer:
  certSANs: [first.example]
controllerManager:
  extraArgs: [{name: terminated-pod-gc-threshold, value: "300"}, {name: bind-address, value: 127.0.0.1}]
scheduler:
  extraArgs: [{name: secure-port, value: "10259"}]
---
${documentsOfNode(ADDRESS)}`;

describe('a machine where a cluster stands that was made by flags', () => {
  it('is left as it is by an init that says nothing', async () => {
    const host = await machine();
    try {
      await run(host, ['ip', 'route', 'add', 'default', 'dev', 'eth0']);
      const said = ['--pod-network-cidr=10.200.0.0/16', '--apiserver-bind-port=7443', '--no-control-plane-taint'];
      await run(host, gantryCommand('init', ...said, IGNORED), SLOW);
      const state = async () => ({
        daemons: await run(host, ['pgrep', '-af', 'gantry.mjs run|etcd --name']),
        configuration: await kubectl(
          host,
          'get configmap -n kube-system kubeadm-config kube-proxy -o jsonpath={..data}',
        ),
        taints: await kubectl(host, `get nodes -o jsonpath={.items[*].spec.taints[?(@.key=="${TAINT}")].key}`),
      });
      const before = await state();
      expect(before.configuration).toContain('10.200.0.0/16');
      await run(host, gantryCommand('init', IGNORED), SLOW);
      expect(await state()).toEqual(before);
    } finally {
      await host.delete();
    }
  });
});

describe('a machine where a cluster stands', { timeout: 300_000 }, () => {
  let host: Host;
  const init = (...args: string[]) => host.exec(gantryCommand('init', ...args, IGNORED), SLOW);
  const configMap = async (namespace: string, name: string): Promise<Record<string, string>> => {
    const { data } = JSON.parse(await kubectl(host, `get configmap -n ${namespace} ${name} -o json`));
    // signatures come and go with tokens
    return Object.fromEntries(Object.entries<string>(data).filter(([key]) => !key.startsWith('jws-')));
  };
  const clusterConfiguration = async () =>
    parse((await configMap('kube-system', 'kubeadm-config'))['ClusterConfiguration'] ?? '');
  /** All that a second command could make another: objects, files, processes with their command lines, taints. */
  const state = async (): Promise<object> => ({
    objects: {
      kubeadm: await configMap('kube-system', 'kubeadm-config'),
      kubelet: await configMap('kube-system', 'kubelet-config'),
      proxy: await configMap('kube-system', 'kube-proxy'),
      info: await configMap('kube-public', 'cluster-info'),
      dns: await kubectl(host, 'get service -n kube-system kube-dns -o jsonpath={.spec.clusterIP}'),
    },
    taints: await kubectl(host, 'get nodes -o jsonpath={.items[*].spec.taints[*].key}'),
    daemons: (await run(host, ['pgrep', '-af', 'gantry.mjs run|etcd --name'])).split('\n'),
    files: (
      await run(host, [
        'sh',
        '-c',
        'find /etc/kubernetes /etc/gantry /var/lib/kubelet/config.yaml -type f -exec sha256sum {} +',
      ])
    )
      .split('\n')
      .toSorted(),
  });

  beforeAll(async () => {
    host = await machine();
    await run(host, [
      'sh',
      '-c',
      `ip route add default dev eth0; echo ${ADDRESS} lb.example first.example new.example >>/etc/hosts`,
    ]);
    put(host, CONFIG, CONFIGURATION);
    await run(host, gantryCommand('init', `--config=${CONFIG}`), SLOW);
    await kubectl(host, 'wait --for=condition=Ready node/first --timeout=60s');
    await waitFor('the taints of its start to go', async () => {
      const taints = await kubectl(host, 'get nodes -o jsonpath={.items[*].spec.taints[*].key}');
      return taints === TAINT;
    });
    // the second of two differs from the first alone by what the kubelet has got meanwhile
    await run(host, gantryCommand('init', `--config=${CONFIG}`), SLOW);
  }, 120_000);
  afterAll(async () => {
    await host?.delete();
  });

  it('is left as it is by an init that says nothing', async () => {
    const before = await state();
    const { code, stdout, stderr } = await init();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.slice(stdout.indexOf('\nYour')).split('\n')).toEqual([
      '',
      'Your Kubernetes control-plane has initialized successfully!',
      '',
      'To start using your cluster, you need to run the following as a regular user:',
      '',
      '  mkdir -p $HOME/.kube',
      '  sudo cp -i /etc/kubernetes/admin.conf $HOME/.kube/config',
      '  sudo chown $(id -u):$(id -g) $HOME/.kube/config',
      '',
      'Alternatively, if you are the root user, you can run:',
      '',
      '  export KUBECONFIG=/etc/kubernetes/admin.conf',
      '',
      'Then you can join any number of worker nodes by running the following on each as root:',
      '',
      expect.stringContaining(`gantry join ${ENDPOINT} --token `),
      expect.stringContaining('--discovery-token-ca-cert-hash sha256:'),
      '',
    ]);
    expect(await state()).toEqual(before);
  });

  it('is left as it is by each phase alone', async () => {
    const before = await state();
    const paths = ['preflight', 'certs all', 'kubeconfig all', 'etcd local', 'control-plane all', 'kubelet-start'];
    const further = ['addon all', 'upload-config all', 'mark-control-plane', 'bootstrap-token', 'kubelet-finalize all'];
    for (const path of [...paths, ...further]) {
      const { code, stderr } = await init('phase', ...path.split(' '));
      expect([path, code, stderr]).toEqual([path, 0, '']);
    }
    expect(await state()).toEqual(before);
  });

  it('tells by a dry run that nothing would become another', async () => {
    const before = await state();
    const { code, stdout } = await init('--dry-run');
    expect(code).toBe(0);
    expect(stdout).not.toContain('Would replace');
    expect(stdout).toContain('--cluster-cidr=10.200.0.0/16');
    expect(await state()).toEqual(before);
  });

  it('is not waited for where its API server hangs, which is said', async () => {
    host.service('gantry-control-plane').signal('STOP');
    const started = performance.now();
    const { code, stdout, stderr } = await init('--dry-run');
    expect(performance.now() - started).toBeLessThan(15_000);
    host.service('gantry-control-plane').signal('CONT');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(
      '[config] WARNING: what the ConfigMaps of the cluster say is not known (timed out after 3000 ms waiting for the API server at',
    );
    expect(stdout).not.toContain('Would replace');
  });

  it('gets what is missing by the phases that its status names', async () => {
    await run(host, ['sh', '-c', `rm ${PKI}/apiserver.crt ${PKI}/apiserver.key /etc/kubernetes/admin.conf`]);
    const { stdout } = await host.exec(gantryCommand('status'));
    const remedies = [...new Set(stdout.match(/gantry init phase \S+ \S+/g) ?? [])].toSorted();
    expect(remedies).toEqual(['gantry init phase certs apiserver', 'gantry init phase kubeconfig admin']);
    for (const remedy of remedies) await run(host, gantryCommand(...remedy.split(' ').slice(1)));
    const names = await run(host, [
      'openssl',
      'x509',
      '-noout',
      '-ext',
      'subjectAltName',
      '-in',
      `${PKI}/apiserver.crt`,
    ]);
    for (const name of [
      'DNS:lb.example',
      'DNS:first.example',
      'DNS:kubernetes.default.svc.mine.local',
      'IP Address:10.43.0.1',
    ])
      expect(names).toContain(name);
    expect(await run(host, ['cat', '/etc/kubernetes/admin.conf'])).toContain(`server: https://${ENDPOINT}`);
    expect(await run(host, ['ls', '-A', '/etc/kubernetes'])).not.toContain('pki');
  });

  it.each([
    ['networking.podSubnet (--pod-network-cidr) is 10.200.0.0/16', ['--pod-network-cidr=10.244.0.0/16']],
    ['networking.serviceSubnet (--service-cidr) is 10.43.0.0/16', ['--service-cidr=10.96.0.0/12']],
    ['networking.dnsDomain (--service-dns-domain) is mine.local', ['--service-dns-domain=cluster.local']],
    ['certificatesDir (--cert-dir) is /etc/kubernetes/mine', ['--cert-dir=/etc/kubernetes/pki']],
    [`controlPlaneEndpoint (--control-plane-endpoint) is ${ENDPOINT}`, ['--control-plane-endpoint=other.example']],
    ['nodeRegistration.name (--node-name) is first', ['--node-name=second']],
  ])('refuses another %s, dry or not, whole or a phase, and changes nothing', async (because, flags) => {
    const before = await state();
    for (const words of [[], ['--dry-run'], ['phase', 'upload-config', 'all']]) {
      const { code, stdout, stderr } = await init(...words, ...flags);
      expect(stderr).toContain(`gantry: ${because} in the cluster that stands here, and cannot become `);
      expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
    }
    expect(await state()).toEqual(before);
  });

  it('keeps what a file does not say of what cannot change, and takes the rest from it', async () => {
    put(host, '/etc/gantry-test/less.yaml', 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n');
    expect((await init('--config=/etc/gantry-test/less.yaml')).code).toBe(0);
    const { apiServer, networking, controlPlaneEndpoint } = await clusterConfiguration();
    expect({ apiServer, networking, controlPlaneEndpoint }).toEqual({
      apiServer: {},
      networking: { podSubnet: '10.200.0.0/16', serviceSubnet: '10.43.0.0/16', dnsDomain: 'mine.local' },
      controlPlaneEndpoint: ENDPOINT,
    });
    expect(await run(host, ['pgrep', '-af', 'run control-plane'])).not.toContain('terminated-pod-gc-threshold');
    const { code, stdout } = await init(`--config=${CONFIG}`);
    expect(code).toBe(0);
    // with kubeadm these are of processes of their own
    for (const name of ['controllerManager.extraArgs[1]: bind-address', 'scheduler.extraArgs[0]: secure-port'])
      expect(stdout).toContain(`[config] WARNING: ClusterConfiguration: ${name} is not heeded: `);
    const words = await run(host, ['pgrep', '-af', 'run control-plane']);
    expect(words).toContain('--terminated-pod-gc-threshold=300');
    expect(words).not.toMatch(/--bind-address|--secure-port=10259/);
    await waitFor('the API server', () => kubectl(host, 'get --raw /readyz'));
  });

  it('holds for a further name by the command that a machine which joins is told, and keeps all else', async () => {
    const name = 'new.example';
    const asked = () =>
      run(
        host,
        ['openssl', 's_client', '-connect', `${ADDRESS}:${PORT}`, '-verify_hostname', name, '-CAfile', `${PKI}/ca.crt`],
        { input: '' },
      );
    expect(await asked()).toContain('hostname mismatch');
    const { message } = endpointProblem(
      `https://${name}:${PORT}`,
      { code: 'ERR_TLS_CERT_ALTNAME_INVALID', message: '' },
      1000,
    );
    const [, told = ''] = /run "gantry ([^"]+)" on the control plane/.exec(message) ?? [];
    expect(told).toContain(name);
    const daemons = await run(host, ['pgrep', '-af', 'gantry.mjs run|etcd --name']);
    const { code, stderr } = await host.exec(gantryCommand(...told.split(' '), IGNORED), SLOW);
    expect([code, stderr]).toEqual([0, '']);
    await waitFor('the API server to show it', async saw => {
      const answer = await asked();
      saw(answer);
      return answer.includes('Verification: OK');
    });
    expect(await run(host, ['pgrep', '-af', 'gantry.mjs run|etcd --name'])).toBe(daemons);
    expect((await clusterConfiguration()).apiServer.certSANs).toEqual(['first.example', name]);
    // and it stays
    const before = await state();
    expect((await init()).code).toBe(0);
    expect(await state()).toEqual(before);
  });

  it('keeps its node as an admin has untainted it, and has it untainted by the flag', async () => {
    await kubectl(host, `taint nodes first ${TAINT}-`);
    expect((await init()).code).toBe(0);
    const taints = () => kubectl(host, 'get nodes -o jsonpath={.items[*].spec.taints[*].key}');
    expect(await taints()).toBe('');
    await kubectl(host, `taint nodes first ${TAINT}:NoSchedule`);
    expect((await init('--no-control-plane-taint')).code).toBe(0);
    expect(await taints()).toBe('');
  });

  it('has a token end when it was last told to: after an hour, or never', async () => {
    const text = 'abcdef.0123456789abcdef';
    const told = async () => {
      const list = await run(host, gantryCommand('token', 'list'));
      return list.split('\n').find(line => line.startsWith(text)) ?? '';
    };
    const phase = (...flags: string[]) => init('phase', 'bootstrap-token', `--token=${text}`, ...flags);
    expect((await phase('--token-ttl=1h')).code).toBe(0);
    expect(await told()).toContain(' 59m ');
    expect((await phase('--token-ttl=0')).code).toBe(0);
    expect(await told()).toMatch(/ <forever> +<never> +authentication,signing /);
    await run(host, gantryCommand('token', 'delete', text));
  });

  const edit = async (before: string, after: string): Promise<void> => {
    const text = (await configMap('kube-system', 'kubelet-config'))['kubelet'] ?? '';
    await kubectl(host, 'apply --server-side --force-conflicts -f -', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kubelet-config', namespace: 'kube-system' },
      data: { kubelet: text.replace(before, after) },
    });
  };

  it('keeps what an admin has changed in its ConfigMaps, and its node gets it', async () => {
    await edit('maxPods: 42', 'maxPods: 43');
    expect((await init()).code).toBe(0);
    expect((await configMap('kube-system', 'kubelet-config'))['kubelet']).toContain('maxPods: 43');
    expect(await run(host, ['cat', '/var/lib/kubelet/config.yaml'])).toContain('maxPods: 43');
  });

  it('has its ConfigMaps left as they are by an init that mends a control plane which is down', async () => {
    await edit('maxPods: 43', 'maxPods: 44');
    await run(host, ['sv', 'stop', '/run/host-services/gantry-control-plane']);
    const { code, stdout } = await init();
    expect(code).toBe(0);
    expect(stdout).toContain('what the ConfigMaps of the cluster say is not known');
    expect((await configMap('kube-system', 'kubelet-config'))['kubelet']).toContain('maxPods: 44');
    // the next one sees it
    expect((await init()).code).toBe(0);
    expect(await run(host, ['cat', '/var/lib/kubelet/config.yaml'])).toContain('maxPods: 44');
  });

  it('is changed by a flag in what can be, and in nothing else', async () => {
    const before = await clusterConfiguration();
    expect((await init('--proxy-mode=iptables')).code).toBe(0);
    const proxy = (await configMap('kube-system', 'kube-proxy'))['config.conf'] ?? '';
    expect(parse(proxy)).toMatchObject({
      mode: 'iptables',
      nftables: { masqueradeAll: true },
      clusterCIDR: '10.200.0.0/16',
    });
    expect(await clusterConfiguration()).toEqual(before);
  });

  it('is another after a reset', async () => {
    await run(host, RESET, SLOW);
    expect(await run(host, ['ls', '-A', '/etc/gantry'])).toBe('');
  });
});
