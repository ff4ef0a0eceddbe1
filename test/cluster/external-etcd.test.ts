import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { CLIENT_FILES, type ExternalEtcd, externalEtcd } from '../harness/external-etcd.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { put, run } from '../harness/host.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { documentsOfNode } from '../harness/init-configuration.ts';
import type { MachineSnapshot } from '../harness/machine-snapshot.ts';
import { difference, kubectl, machine, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { TestAuthority } from '../harness/test-authority.ts';
import { waitFor } from '../harness/wait-for.ts';

const ADDRESS = '10.50.0.2';
const TOKEN = 'abcdef.0123456789abcdef';
const IGNORED = '--ignore-preflight-errors=NumCPU,Mem';
const ADVERTISED = `--apiserver-advertise-address=${ADDRESS}`;
const CONFIG = '/etc/external-etcd/init.yaml';
/** With the start of the program, and for one who keeps silent five seconds of patience. */
const LIMIT_MS = 8000;

interface Access {
  readonly endpoints: readonly string[];
  readonly httpEndpoints?: readonly string[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** Everything in it is something else than the default. */
function configuration(external: Access): string {
  return `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: mine
etcd: ${JSON.stringify({ external })}
certificateValidityPeriod: 1000h
encryptionAlgorithm: ECDSA-P384
controlPlaneEndpoint: ${ADDRESS}
---
${documentsOfNode(ADDRESS, {
  init: [`bootstrapTokens: [{token: ${TOKEN}, ttl: "0", description: ours}]`],
  node: ['taints: []'],
})}`;
}

const WEB = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: BUSYBOX, command: ['sh', '-c', 'exec httpd -f -p 8080 -h /tmp'] }] },
    },
  },
};

describe('a cluster on an etcd of somebody else, three members with client certificates', { timeout: 300_000 }, () => {
  let host: Host;
  let etcd: ExternalEtcd;
  let before: MachineSnapshot;
  const init = async (access: Access) => {
    put(host, CONFIG, configuration(access));
    const started = performance.now();
    const answer = await host.exec(gantryCommand('init', `--config=${CONFIG}`), { timeoutMs: 120_000 });
    return { ...answer, ms: performance.now() - started };
  };
  const clientFiles = () => Object.values(CLIENT_FILES).map(path => readFileSync(host.path(path), 'utf8'));

  beforeAll(async () => {
    host = await machine();
    etcd = await externalEtcd(host, 3);
    await host.supervise('plain-etcd', [
      ...['etcd', '--data-dir=/opt/external-etcd/plain', '--listen-peer-urls=http://127.0.0.1:13380'],
      ...['--listen-client-urls=http://127.0.0.1:13379', '--advertise-client-urls=http://127.0.0.1:13379'],
    ]);
    // no etcd of today is as old as that
    put(
      host,
      '/etc/external-etcd/old-etcd.sh',
      `while read -r line && [ "\${#line}" -gt 1 ]; do :; done
printf 'HTTP/1.0 200 OK\\r\\n\\r\\n{"etcdserver":"3.3.25"}'
`,
    );
    const serve = (port: number, command: string) => ['socat', `TCP-LISTEN:${port},fork,reuseaddr`, `EXEC:${command}`];
    await host.supervise('old-etcd', serve(13_381, 'sh /etc/external-etcd/old-etcd.sh'));
    await host.supervise('silent', serve(13_382, 'wc -c'));
    const stranger = new TestAuthority('stranger');
    const strange = stranger.issue('gantry', [], 'clientAuth');
    put(host, '/etc/external-etcd/stranger.crt', stranger.pem);
    put(host, '/etc/external-etcd/strange-client.crt', strange.cert);
    put(host, '/etc/external-etcd/strange-client.key', strange.key);
    await waitFor('all of them to listen', async () => {
      const listening = await run(host, ['ss', '-ltn']);
      return [13_379, 13_380, 13_381, 13_382].every(port => listening.includes(`:${port}`));
    });
    put(host, CONFIG, '');
    before = await snapshot(host);
  }, 120_000);
  afterAll(async () => {
    etcd?.close();
    await host?.delete();
  });

  const strange = {
    certFile: '/etc/external-etcd/strange-client.crt',
    keyFile: '/etc/external-etcd/strange-client.key',
  };
  it.each<[string, () => Access, string]>([
    [
      'nobody listens at one of its endpoints',
      () => ({ ...CLIENT_FILES, endpoints: [...etcd.endpoints, 'https://127.0.0.1:13399'] }),
      '[ERROR ExternalEtcdVersion]: https://127.0.0.1:13399: nothing listens there (connection refused)',
    ],
    [
      'it keeps silent',
      () => ({ endpoints: ['http://127.0.0.1:13382'] }),
      '[ERROR ExternalEtcdVersion]: http://127.0.0.1:13382: no answer within 5 s',
    ],
    [
      'its CA is another',
      () => ({ ...CLIENT_FILES, endpoints: etcd.endpoints, caFile: '/etc/external-etcd/stranger.crt' }),
      '[ERROR ExternalEtcdVersion]: https://127.0.0.1:12379: its certificate is not signed by the CA in /etc/external-etcd/stranger.crt',
    ],
    [
      'it does not know the client certificate',
      () => ({ ...CLIENT_FILES, endpoints: etcd.endpoints, ...strange }),
      '[ERROR ExternalEtcdVersion]: https://127.0.0.1:12379: it does not take the client certificate /etc/external-etcd/strange-client.crt',
    ],
    [
      'it asks for a client certificate and none is given',
      () => ({ endpoints: etcd.endpoints, caFile: CLIENT_FILES.caFile }),
      'where it asks for client certificates, give certFile and keyFile',
    ],
    [
      'the key is that of another certificate',
      () => ({ ...CLIENT_FILES, endpoints: etcd.endpoints, keyFile: strange.keyFile }),
      `[ERROR ExternalEtcdClientCertificates]: ${strange.keyFile} is not the key of ${CLIENT_FILES.certFile}`,
    ],
    [
      'a file is missing',
      () => ({ ...CLIENT_FILES, endpoints: etcd.endpoints, caFile: '/etc/external-etcd/none.crt' }),
      "[ERROR ExternalEtcdClientCertificates]: /etc/external-etcd/none.crt doesn't exist",
    ],
    [
      'it is asked without TLS and has it',
      () => ({ endpoints: ['http://127.0.0.1:12379'] }),
      'http://127.0.0.1:12379: it does not speak plain HTTP',
    ],
    [
      'it is asked by TLS and has none',
      () => ({ ...CLIENT_FILES, endpoints: ['https://127.0.0.1:13379'] }),
      'https://127.0.0.1:13379: it does not speak TLS',
    ],
    [
      'it is too old',
      () => ({ endpoints: ['http://127.0.0.1:13379'], httpEndpoints: ['http://127.0.0.1:13381'] }),
      'this version requires etcd version >= 3.4. Current version of http://127.0.0.1:13381: 3.3.25',
    ],
    [
      'most of its members are away',
      () => {
        for (const member of etcd.members.slice(0, 2)) member.signal('STOP');
        return { ...CLIENT_FILES, endpoints: etcd.endpoints.slice(2) };
      },
      '[ERROR ExternalEtcdHealth]: https://127.0.0.1:12399 tells its version and does not serve keys',
    ],
  ])('is refused where %s', async (_, access, because) => {
    const { code, stderr, ms } = await init(access());
    for (const member of etcd.members) member.signal('CONT');
    expect(stderr).toContain(because);
    expect(code).toBe(2);
    expect(ms).toBeLessThan(LIMIT_MS);
    expect(await run(host, ['ls', '/etc/gantry'])).toBe('');
  });

  it('is made, and nothing of an etcd on this machine with it', async () => {
    await waitFor('the members to be well again', () => etcd.admin.range('/none'));
    const { code, stdout, stderr } = await init({ ...CLIENT_FILES, endpoints: etcd.endpoints });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`External etcd mode: Skipping start of a local etcd, for ${etcd.endpoints.join(', ')}`);
    expect(stdout).not.toContain('ExternalEtcdData');
    expect(stdout).toContain(`gantry join ${ADDRESS}:7443`);
    expect(await run(host, ['ls', '/etc/kubernetes/pki/etcd'])).toBe('ca.crt\n');
    expect(await run(host, ['ls', '/run/host-services'])).not.toContain('gantry-etcd');
    expect(await run(host, ['cat', '/etc/kubernetes/admin.conf'])).toContain(`server: https://${ADDRESS}:7443`);
    expect(await etcd.keys('/registry/configmaps/kube-system/')).toContain(
      '/registry/configmaps/kube-system/kubeadm-config',
    );
  });

  it('is not forgotten by a preflight that is run alone without its configuration, which asks for no etcd here', async () => {
    const marker = () => run(host, ['cat', '/etc/gantry/bootstrap.json']);
    const remembered = await marker();
    expect(remembered).toContain('"externalEtcd"');
    const { code, stdout, stderr } = await host.exec(
      gantryCommand('init', 'phase', 'preflight', '--node-name=first', ADVERTISED, IGNORED),
      { timeoutMs: 30_000 },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`the external etcd at ${etcd.endpoints.join(', ')}`);
    expect(await marker()).toBe(remembered);
  });

  it('is well by its status, which has no etcd of this machine in it', async () => {
    await waitFor('the node to be well', async saw => {
      const { code, stdout } = await host.exec(gantryCommand('status'));
      saw(stdout);
      return code === 0 && !/etcd/i.test(stdout);
    });
  });

  it('has in its objects what the file says of etcd, kubelet and proxy', async () => {
    const config = async (name: string, key: string) =>
      parse(await kubectl(host, `get configmap -n kube-system ${name} -o jsonpath={.data.${key}}`));
    expect(await config('kubeadm-config', 'ClusterConfiguration')).toMatchObject({
      clusterName: 'mine',
      certificateValidityPeriod: '1000h0m0s',
      controlPlaneEndpoint: `${ADDRESS}:7443`,
      encryptionAlgorithm: 'ECDSA-P384',
      etcd: { external: { ...CLIENT_FILES, endpoints: etcd.endpoints } },
    });
    expect(await config('kubelet-config', 'kubelet')).toMatchObject({ maxPods: 42, rotateCertificates: true });
    expect(await config('kube-proxy', 'config\\.conf')).toMatchObject({ nftables: { masqueradeAll: true } });
    const node = JSON.parse(await kubectl(host, 'get node first -o json'));
    expect(node.metadata.labels.place).toBe('here');
    expect(JSON.stringify(node.spec.taints ?? [])).not.toContain('control-plane');
  });

  it('runs a Deployment, whose pods outlive every daemon', async () => {
    await run(host, gantryCommand('image', 'import', await imageArchive(BUSYBOX)));
    await kubectl(host, 'apply -f -', WEB);
    await kubectl(host, 'rollout status deployment/web --timeout=80s');
    const containers = () => kubectl(host, 'get pods -o jsonpath={.items[*].status.containerStatuses[*].containerID}');
    const running = await containers();
    for (const name of ['gantry-control-plane', 'gantry-node', 'gantry-cri']) host.service(name).signal('KILL');
    await waitFor('the API server to serve again', () => kubectl(host, 'get --raw /readyz'));
    await kubectl(host, 'scale deployment/web --replicas=3');
    await kubectl(host, 'rollout status deployment/web --timeout=80s');
    expect((await containers()).split(' ')).toEqual(expect.arrayContaining(running.split(' ')));
  });

  it('goes on with two members, whichever the third is', async () => {
    for (const [index, member] of etcd.members.entries()) {
      await member.stop();
      const name = `written-${index}`;
      // the one write that was under way may be lost with its member
      const written = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
      await waitFor('a write', () => kubectl(host, 'apply -f -', written), { timeoutMs: 20_000 });
      expect(await kubectl(host, 'get --raw /readyz')).toBe('ok');
      member.start();
      await waitFor('the member to be back', async () =>
        (await run(host, ['ss', '-ltn'])).includes(`:${new URL(etcd.endpoints[index] ?? '').port}`),
      );
    }
    expect(await kubectl(host, 'get configmaps -o name')).toContain('configmap/written-2');
  });

  it('keeps its own certificates, and leaves those of etcd to whose they are', async () => {
    const files = clientFiles();
    const told = await run(host, gantryCommand('certs', 'check-expiration'));
    expect(told).toContain('apiserver-kubelet-client');
    expect(told).not.toContain('etcd');
    const said = await run(host, gantryCommand('certs', 'renew', 'all'));
    expect(said).toContain('certificate for serving the Kubernetes API renewed');
    expect(said).not.toContain('etcd');
    expect(clientFiles()).toEqual(files);
  });

  it('is taken off this machine by reset, which touches neither that etcd nor the files for it', async () => {
    const files = clientFiles();
    const keys = await etcd.keys('/registry/');
    const said = await run(host, RESET, SLOW);
    expect(said).toContain(
      `The external etcd (${etcd.endpoints.join(', ')}) and what the cluster has written there are not touched`,
    );
    expect(said).toContain(`Left as it is: ${CLIENT_FILES.certFile} (yours, for the external etcd)`);
    expect(clientFiles()).toEqual(files);
    expect(keys).toContain('/registry/deployments/default/web');
    // leases and events end by themselves
    const lasting = (all: readonly string[]) =>
      all.filter(key => !/^\/registry\/(events|leases|masterleases)/.test(key));
    expect(lasting(await etcd.keys('/registry/'))).toEqual(lasting(keys));
    expect(await difference(host, before)).toEqual([]);
  });

  it('is told of the cluster that was there, when another is made on it, and that one works', async () => {
    const { code, stdout, stderr } = await init({ ...CLIENT_FILES, endpoints: etcd.endpoints });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\[WARNING ExternalEtcdData\]: there are \d+ keys below \/registry\/ in the external etcd/);
    await run(host, gantryCommand('image', 'import', await imageArchive(BUSYBOX)));
    await kubectl(host, 'rollout restart deployment/web');
    await kubectl(host, 'rollout status deployment/web --timeout=80s');
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });
});
