import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { hungMount } from '../harness/hung-mount.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { type MachineSnapshot, snapshotDifference } from '../harness/machine-snapshot.ts';
import { difference, INIT, kubectl, machine, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

/** A Deployment with every kind of volume that mounts something, limits on its network and a port of the machine. */
function web(replicas: number, version: string): object {
  const container = {
    name: 'web',
    image: BUSYBOX,
    env: [{ name: 'VERSION', value: version }],
    command: ['sh', '-c', 'echo serving; exec httpd -f -p 8080 -h /tmp'],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    volumeMounts: [
      { name: 'memory', mountPath: '/memory', mountPropagation: 'HostToContainer' },
      { name: 'disk', mountPath: '/disk' },
      { name: 'disk', mountPath: '/part', subPath: 'part' },
      { name: 'map', mountPath: '/map' },
      { name: 'host', mountPath: '/host' },
    ],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: {
          labels: { app: 'web' },
          annotations: { 'kubernetes.io/ingress-bandwidth': '10M', 'kubernetes.io/egress-bandwidth': '10M' },
        },
        spec: {
          terminationGracePeriodSeconds: 60,
          containers: [container],
          volumes: [
            { name: 'memory', emptyDir: { medium: 'Memory' } },
            { name: 'disk', emptyDir: {} },
            { name: 'map', configMap: { name: 'kube-root-ca.crt' } },
            { name: 'host', hostPath: { path: '/var/lib/precious' } },
          ],
        },
      },
    },
  };
}

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
};
const PORT = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'port' },
  spec: {
    hostUsers: false,
    containers: [
      {
        name: 'c',
        image: BUSYBOX,
        command: ['sh', '-c', 'sleep 1000'],
        ports: [{ containerPort: 80, hostPort: 8099 }],
      },
    ],
  },
};
/** To its pods the node has a route. */
const NEIGHBOUR = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'neighbour' },
  spec: { podCIDR: '10.244.77.0/24', podCIDRs: ['10.244.77.0/24'] },
  status: { addresses: [{ type: 'InternalIP', address: '10.50.0.77' }] },
};

async function use(host: Host, replicas: number): Promise<void> {
  await run(host, gantryCommand('image', 'import', await imageArchive(BUSYBOX)));
  await kubectl(host, 'apply -f -', [web(replicas, '1'), SERVICE, PORT, NEIGHBOUR]);
  await kubectl(host, 'rollout status deployment/web --timeout=80s');
  await kubectl(host, 'wait --for=condition=Ready pod/port --timeout=60s');
  await waitFor('the route to the neighbour', async () =>
    (await run(host, ['ip', 'route'])).includes('10.244.77.0/24'),
  );
}

describe('gantry reset', () => {
  let host: Host;
  let before: MachineSnapshot;
  beforeAll(async () => {
    host = await machine();
    await run(host, ['sh', '-c', 'mkdir -p /var/lib/precious; echo data >/var/lib/precious/file']);
    before = await snapshot(host);
  });
  afterAll(() => host.delete());

  it('says on a machine without a node that there is nothing to take away', async () => {
    expect(await run(host, RESET)).toContain('there is nothing to take away');
    expect(await difference(host, before)).toEqual([]);
  });

  it('asks before it begins, and takes the end of its input for a no', async () => {
    const answer = await host.exec(gantryCommand('reset'), { input: '' });
    expect(answer).toMatchObject({ code: 1 });
    expect(answer.stderr).toContain("won't proceed; the user didn't answer (Y|y)");
  });

  it('leaves nothing of a node in use, and every file of others', async () => {
    await run(host, INIT, SLOW);
    await use(host, 3);
    await waitFor(
      'addresses to be ready',
      async () => (await run(host, ['ip', '-6', 'addr', 'show', 'tentative'])) === '',
    );
    const inUse = await snapshot(host);
    const dry = await run(host, gantryCommand('reset', '--dry-run'));
    expect(dry).toContain('Would stop 4 pods');
    expect(
      snapshotDifference(inUse, await snapshot(host)).filter(line => !/processes|files .*\/var\/(log|lib)/.test(line)),
    ).toEqual([]);
    const said = await run(host, RESET, SLOW);
    expect(said).toContain('Stopped 4 pods');
    expect(said).toContain('Removed the route to 10.244.77.0/24');
    expect(await difference(host, before)).toEqual([]);
    expect(await run(host, ['cat', '/var/lib/precious/file'])).toBe('data\n');
  });

  it('leaves nothing after everything was killed in the middle of a rolling update', async () => {
    await run(host, INIT, SLOW);
    await use(host, 3);
    await kubectl(host, 'apply -f -', web(6, '2'));
    await waitFor('a pod of the new version', async () =>
      (await kubectl(host, 'get pods')).includes('ContainerCreating'),
    );
    await host.exec(['sh', '-c', 'kill -9 -1']);
    expect(await run(host, RESET)).toContain('does not answer: pods are taken away by what is found of them');
    expect(await difference(host, before)).toEqual([]);
  });

  it('neither waits for a mount below a pod that hangs nor deletes through one that holds data', async () => {
    await run(host, INIT, SLOW);
    await use(host, 1);
    const uid = await kubectl(host, 'get pod -l app=web -o jsonpath={.items[0].metadata.uid}');
    const volumes = `/var/lib/kubelet/pods/${uid}/volumes`;
    await run(host, ['sh', '-c', `mkdir ${volumes}/bound; mount --bind /var/lib/precious ${volumes}/bound`]);
    const hung = await hungMount(host, `${volumes}/kubernetes.io~empty-dir/memory/hung`, 'swallow');
    try {
      const stuck = kubectl(host, 'exec deploy/web -- cat /memory/hung/file').catch(() => 'ended');
      await waitFor('a process to wait for the server', async () =>
        /^\S+ +cat \/memory/m.test(await run(host, ['ps', '-eo', 'stat,args'])),
      );
      const said = await run(host, RESET, SLOW);
      expect(said).toContain(`Unmounted ${volumes}/kubernetes.io~empty-dir/memory/hung`);
      await stuck;
    } finally {
      hung.end();
    }
    expect(await difference(host, before)).toEqual([]);
    expect(await run(host, ['cat', '/var/lib/precious/file'])).toBe('data\n');
  });

  it('leaves nothing of a proxy in iptables mode, not even the tables that iptables makes', async () => {
    await run(host, INIT, SLOW);
    await kubectl(host, 'apply -f -', SERVICE);
    const configuration = {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
    };
    writeFileSync(
      host.path('/run/proxy.yaml'),
      JSON.stringify({ ...configuration, healthzBindAddress: '', metricsBindAddress: '' }),
    );
    await host.service('gantry-node').stop();
    const proxy = host.spawn(
      gantryCommand('run', 'proxy', '--config=/run/proxy.yaml', '--kubeconfig=/etc/kubernetes/admin.conf'),
      { logFile: `${host.dataDir}/proxy.log` },
    );
    await waitFor('rules of iptables', async () => (await run(host, ['iptables-save'])).includes('KUBE-SERVICES'));
    proxy.kill();
    await proxy.exited;
    await run(host, ['rm', '/run/proxy.yaml']);
    expect(await run(host, RESET)).toContain('Removed the chains KUBE-* of iptables-nft');
    expect(await difference(host, before)).toEqual([]);
  });

  it('leaves nothing where runtime and kubelet were told to have their things, and all that others have there', async () => {
    // a directory of others, on a disk that can hold layers
    const at = '/var/lib/containerd';
    writeFileSync(
      host.path('/etc/gantry/cri.yaml'),
      `root: ${at}/runtime\nstate: /run/state\nsocket: /run/other/cri.sock\n`,
    );
    await run(host, [
      'sh',
      '-c',
      `mkdir -p ${at}/containers ${at}/logs /run/state/netns; touch ${at}/containers/mine ${at}/logs/my_own_log`,
    ]);
    await run(host, ['sh', '-c', 'touch /run/state/netns/mine']);
    const chosen = await snapshot(host);
    const documents = [
      {
        apiVersion: 'kubeadm.k8s.io/v1beta4',
        kind: 'InitConfiguration',
        nodeRegistration: {
          taints: [],
          kubeletExtraArgs: [{ name: 'root-dir', value: at }],
        },
        localAPIEndpoint: { advertiseAddress: '10.50.0.2' },
      },
      {
        apiVersion: 'kubelet.config.k8s.io/v1beta1',
        kind: 'KubeletConfiguration',
        podLogsDir: `${at}/logs`,
        containerRuntimeEndpoint: 'unix:///run/other/cri.sock',
      },
    ];
    const file = '/run/init.yaml';
    writeFileSync(host.path(file), documents.map(document => JSON.stringify(document)).join('\n---\n'));
    await run(host, gantryCommand('init', `--config=${file}`, '--ignore-preflight-errors=all'), SLOW);
    await run(host, ['rm', file]);
    await run(host, gantryCommand('image', 'import', '--socket=/run/other/cri.sock', await imageArchive(BUSYBOX)));
    await kubectl(host, 'apply -f -', [web(2, '1'), PORT]);
    await kubectl(host, 'rollout status deployment/web --timeout=80s');
    await kubectl(host, 'wait --for=condition=Ready pod/port --timeout=60s');
    await host.exec(['sh', '-c', 'kill -9 -1']);
    const said = await run(host, RESET, SLOW);
    expect(said).toContain('/run/other/cri.sock does not answer');
    expect(await difference(host, chosen)).toEqual([]);
    expect(await run(host, ['sh', '-c', `cd ${at}; find . -type f | sort`])).toBe(
      './containers/mine\n./logs/my_own_log\n',
    );
    await run(host, ['sh', '-c', `rm -r ${at}/containers ${at}/logs /run/state /etc/gantry/cri.yaml`]);
    expect(await difference(host, before)).toEqual([]);
  });

  it('leaves a mount of somebody else beside its data, and names it', async () => {
    await run(host, INIT, SLOW);
    const films = '/var/lib/gantry/films';
    await run(host, ['sh', '-c', `mkdir ${films}; mount --bind /var/lib/precious ${films}; nft add table inet own`]);
    const said = await run(host, RESET, SLOW);
    expect(said).toContain(`Left as it is: ${films}`);
    expect(said).toContain('Left as it is: the nft table inet own (not made by Gantry)');
    expect(await run(host, ['cat', `${films}/file`])).toBe('data\n');
    await run(host, ['sh', '-c', `umount ${films}; rmdir ${films}; nft delete table inet own`]);
    expect(await difference(host, before)).toEqual([]);
  });
});
