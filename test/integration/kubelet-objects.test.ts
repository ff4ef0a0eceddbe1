import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenReview } from '../../src/api/types/gen/authentication-v1.ts';
import type { ConfigMap, Secret, Service } from '../../src/api/types/gen/core-v1.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import type { FaultPoint } from '../../src/linux/fault-point.ts';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { armFault, killAndRestart, waitForRestart } from '../harness/fault.ts';
import { WAIT } from '../harness/kubelet.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { waitFor } from '../harness/wait-for.ts';

const API = '/var/run/secrets/kubernetes.io/serviceaccount';
const CONFIG = '/etc/kubernetes/kubelet-config.json';
const KUBELET = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  failSwapOn: false,
  clusterDNS: ['10.96.0.10'],
  clusterDomain: 'cluster.test',
  resolvConf: '',
};

let node: ClusterNode;
let configMaps: ResourceClient<ConfigMap>;
let secrets: ResourceClient<Secret>;
beforeAll(async () => {
  node = await clusterNode({
    prepare: host => {
      mkdirSync(host.path('/etc/kubernetes'), { recursive: true });
      writeFileSync(host.path(CONFIG), JSON.stringify(KUBELET));
    },
    kubeletArgs: [`--config=${CONFIG}`],
  });
  configMaps = new ResourceClient(node.admin, { group: '', version: 'v1', plural: 'configmaps' });
  secrets = new ResourceClient(node.admin, { group: '', version: 'v1', plural: 'secrets' });
});
afterAll(() => node?.delete());

const putMap = (name: string, data: Readonly<Record<string, string>>): Promise<ConfigMap> =>
  configMaps.create({ metadata: { name, namespace: 'default' }, data });
const changeMap = (name: string, data: Readonly<Record<string, string | null>>): Promise<ConfigMap> =>
  configMaps.patch({ namespace: 'default', name }, 'merge', { data });

const run = (name: string, spec: object = {}, container: object = {}, script = WAIT): Promise<unknown> =>
  node.pods.create(boundPod(node.name, name, script, spec, container));

/** What a command in the pod's container prints. */
async function inside(name: string, ...cmd: readonly string[]): Promise<string> {
  const id = (await node.pod(name))?.status?.containerStatuses?.[0]?.containerID ?? '';
  const containerId = id.replace(/^\w+:\/\//, '');
  const { stdout, stderr, exitCode } = await node.target.client.execSync({ containerId, cmd: [...cmd], timeout: 10n });
  if (exitCode !== 0) throw new Error(`${cmd.join(' ')} ended with ${exitCode}: ${stderr}`);
  return Buffer.from(stdout).toString('utf8');
}

const shows = (name: string, path: string, text: string): Promise<boolean> =>
  waitFor(`${path} of pod ${name} to be ${JSON.stringify(text)}`, async saw => {
    const seen = await inside(name, 'cat', path);
    saw(seen);
    return seen === text;
  });

async function event(name: string, reason: string): Promise<string> {
  return waitFor(`the event ${reason} of pod ${name}`, async saw => {
    const fieldSelector = `involvedObject.name=${name}`;
    const { items } = await node.events.list('default', { fieldSelector });
    saw(items.map(e => `${e.reason}: ${e.message}`));
    return items.find(e => e.reason === reason)?.message;
  });
}

async function remove(...names: readonly string[]): Promise<void> {
  for (const name of names) await node.pods.delete('default', name);
  for (const name of names) await node.gone(name);
}

describe('what pods take from objects of the API', () => {
  it('shows a config map, a secret and the pod itself as files, and follows their changes', async () => {
    await putMap('conf', { a: 'one', gone: 'x' });
    await secrets.create({ metadata: { name: 'pass', namespace: 'default' }, data: { p: btoa('s3cret') } });
    const volumes = [
      { name: 'c', configMap: { name: 'conf' } },
      { name: 's', secret: { secretName: 'pass', defaultMode: 0o400 } },
      { name: 'd', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    ];
    const volumeMounts = [
      ...volumes.map(({ name }) => ({ name, mountPath: `/${name}` })),
      { name: 'c', mountPath: '/a', subPath: 'a' },
      // below a volume that is read-only
      { name: 'd', mountPath: '/c/below' },
    ];
    await run('files', { volumes, securityContext: { fsGroup: 2000 } }, { volumeMounts });
    await node.running('files');
    expect(await inside('files', 'cat', '/c/a', '/s/p', '/d/labels', '/a')).toBe('ones3cretone');
    expect(await inside('files', 'stat', '-c', '%a %u:%g', '-L', '/c/a', '/s/p')).toBe('644 0:2000\n440 0:2000\n');
    expect(await inside('files', 'stat', '-f', '-c', '%T', '/s', '/d')).toBe('tmpfs\ntmpfs\n');
    await expect(inside('files', 'touch', '/c/new')).rejects.toThrow('Read-only file system');

    await changeMap('conf', { a: 'two', b: 'new', gone: null });
    await shows('files', '/c/a', 'two');
    expect(await inside('files', 'ls', '/c', '/c/below')).toBe('/c:\na\nb\nbelow\n\n/c/below:\nlabels\n');
    // a sub-path shows what it was bound to
    expect(await inside('files', 'cat', '/a')).toBe('one');
    await secrets.patch({ namespace: 'default', name: 'pass' }, 'merge', { data: { p: btoa('changed') } });
    await shows('files', '/s/p', 'changed');
    await node.pods.patch({ namespace: 'default', name: 'files' }, 'merge', { metadata: { labels: { tier: 'web' } } });
    await shows('files', '/d/labels', 'tier="web"');

    await configMaps.delete('default', 'conf');
    expect(await event('files', 'FailedMount')).toBe(
      'MountVolume.SetUp failed for volume "c" : configmap "conf" not found',
    );
    expect(await inside('files', 'cat', '/c/a')).toBe('two');
    await putMap('conf', { a: 'three' });
    await shows('files', '/c/a', 'three');
    await configMaps.delete('default', 'conf');
    await remove('files');
    await expectNoLeftovers(node.target);
  });

  it('gives a token that is bound to the pod, beside the CA and the namespace', async () => {
    await putMap('kube-root-ca.crt', { 'ca.crt': node.authority.pem });
    // the volume is put into the pod by admission
    await run('token', { automountServiceAccountToken: true, securityContext: { runAsUser: 1234 } });
    const pod = await node.running('token');
    const token = await inside('token', 'cat', `${API}/token`);
    const reviews = new ResourceClient<TokenReview>(node.admin, {
      group: 'authentication.k8s.io',
      version: 'v1',
      plural: 'tokenreviews',
    });
    const { status } = await reviews.create({ metadata: {}, spec: { token }, status: {} } as TokenReview);
    expect(status.user).toMatchObject({
      username: 'system:serviceaccount:default:default',
      extra: { 'authentication.kubernetes.io/pod-uid': [pod.metadata.uid] },
    });
    expect(await inside('token', 'cat', `${API}/ca.crt`, `${API}/namespace`)).toBe(`${node.authority.pem}default`);
    expect(await inside('token', 'stat', '-c', '%a %u', '-L', `${API}/token`)).toBe('600 1234\n');
    await remove('token');
  });

  it('gives variables from objects and services', async () => {
    const services = new ResourceClient<Service>(node.admin, { group: '', version: 'v1', plural: 'services' });
    const spec = { ports: [{ port: 80 }] } as unknown as Service['spec'];
    const web = await services.create({ metadata: { name: 'web', namespace: 'default' }, spec } as Service);
    await putMap('vars', { A: '1' });
    const env = [
      { name: 'P', valueFrom: { secretKeyRef: { name: 'pass', key: 'p' } } },
      { name: 'URL', value: 'http://$(WEB_SERVICE_HOST):$(WEB_SERVICE_PORT)/$(A)' },
      { name: 'F', valueFrom: { fileKeyRef: { volumeName: 'made', path: 'env', key: 'KEY' } } },
    ];
    const init = {
      name: 'make',
      image: 'localhost/busybox:1.35',
      command: ['/bin/sh', '-c', `echo "KEY='from a file'" > /made/env`],
      volumeMounts: [{ name: 'made', mountPath: '/made' }],
    };
    const made = { volumes: [{ name: 'made', emptyDir: {} }], initContainers: [init] };
    await run('vars', made, { env, envFrom: [{ configMapRef: { name: 'vars' } }] });
    await node.running('vars');
    const seen = (await inside('vars', 'env')).split('\n');
    expect(seen).toEqual(
      expect.arrayContaining([
        'A=1',
        'P=changed',
        'F=from a file',
        `URL=http://${web.spec.clusterIP}:80/1`,
        expect.stringMatching(/^KUBERNETES_SERVICE_HOST=/),
        'KUBERNETES_SERVICE_PORT_HTTPS=443',
      ]),
    );
    await services.delete('default', 'web');
    await remove('vars');
  });

  it('tells pods their names and where the DNS of the cluster is', async () => {
    await run('named', {
      hostname: 'me',
      subdomain: 'sub',
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['alias'] }],
      dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'], options: [{ name: 'ndots', value: '2' }] },
    });
    const { status } = await node.running('named');
    const fqdn = 'me.sub.default.svc.cluster.test';
    expect(await inside('named', 'cat', '/etc/resolv.conf')).toBe(
      'search default.svc.cluster.test svc.cluster.test cluster.test\nnameserver 10.96.0.10\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:2\n',
    );
    expect(await inside('named', 'hostname')).toBe('me\n');
    expect((await inside('named', 'cat', '/etc/hosts')).split('\n').slice(7)).toEqual([
      `${status?.podIP}\t${fqdn}\tme`,
      '',
      '# Entries added by HostAliases.',
      '192.0.2.7\talias',
      '',
    ]);
    expect(await event('named', 'DNSConfigForming')).toBe(
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 192.0.2.1 192.0.2.2',
    );
    await remove('named');
  });

  it('says what is missing, lets neighbours be, and goes on as soon as it is there', async () => {
    await run('wants-env', {}, { envFrom: [{ configMapRef: { name: 'late-env' } }] });
    await run(
      'wants-volume',
      { volumes: [{ name: 'v', secret: { secretName: 'late-volume' } }] },
      { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    );
    await run(
      'never',
      { volumes: [{ name: 'v', configMap: { name: 'never' } }] },
      { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    );
    await run('neighbour');
    await node.running('neighbour');
    const waiting = { reason: 'CreateContainerConfigError', message: 'configmap "late-env" not found' };
    await node.until('to wait', 'wants-env', pod => {
      const state = pod?.status?.containerStatuses?.[0]?.state.waiting;
      return state?.reason === waiting.reason && state.message === waiting.message;
    });
    expect(await event('wants-env', 'Failed')).toBe('Error: configmap "late-env" not found');
    expect(await event('wants-volume', 'FailedMount')).toBe(
      'MountVolume.SetUp failed for volume "v" : secret "late-volume" not found',
    );
    const stuck = await node.pod('wants-volume');
    expect(stuck?.status?.containerStatuses?.[0]?.state.waiting).toEqual({ reason: 'ContainerCreating' });

    await putMap('late-env', {});
    await secrets.create({ metadata: { name: 'late-volume', namespace: 'default' } });
    await node.running('wants-env');
    await node.running('wants-volume');
    await remove('wants-env', 'wants-volume', 'never', 'neighbour');
    await expectNoLeftovers(node.target);
  });

  it('follows changes over a kill -9 of the API server', async () => {
    await putMap('over', { a: '1' });
    const volumes = [{ name: 'c', configMap: { name: 'over' } }];
    await run('over', { volumes }, { volumeMounts: [{ name: 'c', mountPath: '/c' }] });
    await node.running('over');
    await killAndRestart(node.apiServer);
    await waitFor('the config map to be changed', () => changeMap('over', { a: '2' }));
    await shows('over', '/c/a', '2');
    await remove('over');
  });

  it('goes on with volumes in memory that a killed kubelet left, and leaves none behind', async () => {
    const armed = await armFault(node.target.host, node.kubelet, 'kubelet/pod/volumes-made');
    const volumes = [{ name: 's', secret: { secretName: 'pass' } }];
    await run('left', { volumes }, { volumeMounts: [{ name: 's', mountPath: '/s' }] });
    await waitForRestart(node.kubelet, armed);
    await node.running('left');
    expect(await inside('left', 'cat', '/s/p')).toBe('changed');
    await remove('left');
    await expectNoLeftovers(node.target);
  });

  it('shows what is optional when it comes, and stops showing it when it goes', async () => {
    const volumes = [{ name: 'c', configMap: { name: 'maybe', optional: true } }];
    await run('optional', { volumes }, { volumeMounts: [{ name: 'c', mountPath: '/c' }] });
    await node.running('optional');
    expect(await inside('optional', 'ls', '/c')).toBe('');
    await putMap('maybe', { a: '1' });
    await waitFor('the file to be there', async () => (await inside('optional', 'ls', '/c')) === 'a\n');
    await configMaps.delete('default', 'maybe');
    await waitFor('the file to be gone', async () => (await inside('optional', 'ls', '/c')) === '');
    await remove('optional');
  });

  it.each<FaultPoint>(['volume/version-written', 'volume/link-made', 'volume/link-renamed'])(
    'keeps the old version or has the new one when it is killed at %s',
    async point => {
      await putMap('torn', { a: '1', b: '1' });
      const volumes = [{ name: 'c', configMap: { name: 'torn' } }];
      const check = 'while [ -e /c/a ]; do usleep 2000; done; echo "a was gone"';
      const container = { volumeMounts: [{ name: 'c', mountPath: '/c' }] };
      await run('torn', { volumes, restartPolicy: 'Never' }, container, check);
      const { uid } = (await node.running('torn')).metadata;
      const armed = await armFault(node.target.host, node.kubelet, point);
      await changeMap('torn', { a: '2', b: '2' });
      await waitForRestart(node.kubelet, armed);
      await shows('torn', '/c/b', '2');
      const directory = node.target.host.path(`/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~configmap/c`);
      await waitFor('the old version to be gone', saw => {
        const names = readdirSync(directory);
        saw(names);
        return names.filter(name => name.startsWith('..')).length === 2;
      });
      expect(readdirSync(directory).filter(name => !name.startsWith('..'))).toEqual(['a', 'b']);
      const { state } = (await node.pod('torn'))?.status?.containerStatuses?.[0] ?? {};
      expect(state?.running).toBeDefined();
      await remove('torn');
      await configMaps.delete('default', 'torn');
      await expectNoLeftovers(node.target);
    },
  );
});
