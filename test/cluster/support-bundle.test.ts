import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BundleManifest } from '../../src/diagnosis/bundle/write-bundle.ts';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Secrets that are put everywhere, each of a form of its own. */
const PLANTED = {
  secretValue: 'planted-Secret-value-4711',
  envValue: 'planted-Env-value-4712',
  configMapValue: 'planted-ConfigMap-value-4713',
  commandPassword: 'plantedArg4714',
  kubeconfigToken: 'plantedKubeconfigToken4715',
  registryAuth: 'plantedRegistry4716',
  mirrorPassword: 'plantedMirror4717',
  proxyPassword: 'plantedProxy4718',
  logBearer: 'plantedBearer4719abcdef',
  logBootstrap: 'plantd.0123456789abcdef',
  commentPassword: 'plantedComment4720',
  annotation: 'plantedAnnotation4721',
  // of no form and under no name of a secret
  word: 'plantedWord4722',
  variable: 'plantedVariable4723',
} as const;
const REGISTRY_AUTH = Buffer.from(`user:${PLANTED.registryAuth}`).toString('base64');

describe('gantry support-bundle', { timeout: 180_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let unpacked = 0;

  const inside = (node: string, ...words: readonly string[]) =>
    cluster.run(['exec', node, '--', ...gantryCommand('support-bundle', ...words)]);
  const daemon = (node: string, name: string) => cluster.host(node).service(`gantry-${name}`);

  /** Makes a bundle on a node and unpacks it by tar: the directory that it makes. */
  const bundle = async (node: string, ...words: readonly string[]) => {
    unpacked += 1;
    const output = `/run/bundle-${unpacked}.tar.gz`;
    const { code, out, err } = await inside(node, `--output=${output}`, ...words);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const file = cluster.host(node).path(output);
    const target = `${RUN_DIR}/unpacked-${unpacked}`;
    mkdirSync(target, { recursive: true });
    const tar = spawnSync('tar', ['-xzf', file, '-C', target]);
    expect({ status: tar.status, stderr: String(tar.stderr) }).toEqual({ status: 0, stderr: '' });
    const [folder = ''] = readdirSync(target);
    const root = join(target, folder);
    const mode = statSync(file).mode & 0o777;
    rmSync(file);
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name));
    const text = (path: string): string => readFileSync(join(root, path), 'utf8');
    const manifest = JSON.parse(text('manifest.json')) as BundleManifest;
    return { root, files, text, manifest, mode, out };
  };

  /** Every private key and token of the nodes, as they are on disk. */
  const keyMaterial = (): string[] =>
    ['control-plane', 'worker'].flatMap(node => {
      const host = cluster.host(node);
      const script =
        "find /etc/kubernetes/pki /var/lib/kubelet/pki -name '*.key' -o -name 'kubelet-client-*.pem' | xargs -r cat; grep -h client-key-data /etc/kubernetes/*.conf || true";
      const found = spawnSync(...commandIn(host.enter(['sh', '-c', script])), { env: host.environment() });
      return String(found.stdout)
        .split('\n')
        .map(line => line.trim().replace(/^client-key-data: /, ''))
        .filter(line => line.length >= 40 && !line.startsWith('-----'))
        .filter(line => !certificates.has(line));
    });
  const certificates = new Set<string>();

  beforeAll(async () => {
    await cluster.create('--nodes=2');
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.given(OBJECTS).ok('apply -f -');
    await kubectl.ok('wait pod/planted --for=condition=Ready --timeout=120s');
    for (const node of ['control-plane', 'worker']) {
      const host = cluster.host(node);
      for (const path of readdirSync(host.path('/var/lib/kubelet/pki')).filter(name =>
        /^kubelet-client-2.*pem$/.test(name),
      )) {
        const [cert = ''] = readFileSync(host.path(`/var/lib/kubelet/pki/${path}`), 'utf8').split(
          '-----BEGIN EC PRIVATE',
        );
        for (const line of cert.split('\n')) certificates.add(line.trim());
      }
      plant(path => host.path(path));
    }
  });
  afterAll(() => cluster.delete());

  it.each([
    // pods are kept off it
    ['control-plane', '"containers": []'],
    ['worker', '"io.kubernetes.pod.name": "planted"'],
  ])('has of %s what is needed, and nothing of what was planted', async (node, containers) => {
    const { files, text, manifest, mode, out } = await bundle(node);
    expect(mode).toBe(0o600);
    expect(out).toMatch(/^collecting the status of the node\n/);
    const everything = files.map(file => `${file}\n${readFileSync(file, 'latin1')}`);
    const keys = keyMaterial();
    expect(keys.length).toBeGreaterThan(10);
    for (const secret of [...Object.values(PLANTED), REGISTRY_AUTH, ...keys, 'PRIVATE KEY'])
      expect({ secret, in: files.filter((_file, at) => everything[at]?.includes(secret)) }).toEqual({ secret, in: [] });
    for (const secret of Object.values(PLANTED)) {
      const encoded = Buffer.from(secret).toString('base64').replace(/=+$/, '');
      expect(everything.some(content => content.includes(encoded))).toBe(false);
    }
    // the useful things
    expect(manifest).toMatchObject({ kind: 'SupportBundle', gantry: expect.stringMatching(/^v1\./) });
    expect(manifest.files.map(({ path }) => path).toSorted()).toEqual(
      files
        .map(file => file.slice(file.indexOf('gantry-support-')).split('/').slice(1).join('/'))
        .filter(path => path !== 'manifest.json')
        .toSorted(),
    );
    expect(JSON.parse(text('status.json'))).toMatchObject({ kind: 'NodeStatusReport' });
    expect(text('logs/gantry-node.log')).toMatch(/"component":"kubelet"/);
    expect(text('logs/gantry-node.log')).toContain('a line that is no secret');
    expect(text('configuration/etc/kubernetes/kubelet.conf')).toMatch(/server: https:\/\/\S+:6443/);
    expect(text('configuration/etc/gantry/cri.yaml')).toMatch(/@mirror\.example/);
    expect(text('configuration/etc/default/gantry-node')).toContain('@proxy.example:3128');
    expect(text('certificates.json')).toContain('system:node:');
    expect(text('cluster/pods.json')).toContain('"planted"');
    expect(text('cluster/pods.json')).toMatch(/"secretKeyRef": \{[^}]*"key": "password"/);
    expect(text('runtime/containers.json')).toContain(containers);
    expect(text('network/addresses.txt')).toContain('inet ');
    expect(text('network/nft.txt')).toContain('table ');
    expect(text('machine/mounts.txt')).toContain('/proc');
    expect(text('machine/cgroups.txt')).toContain('kubepods');
  });

  it('has on a control plane the cluster too, and never a Secret or a ConfigMap of others', async () => {
    const { files, text } = await bundle('control-plane', '--no-logs');
    const names = files.map(file => file.replace(/^.*gantry-support-[^/]*\//, ''));
    for (const kind of ['nodes', 'pods', 'services', 'events', 'endpointslices', 'deployments', 'leases'])
      expect(names).toContain(`cluster/${kind}.json`);
    expect(names.filter(name => /secret/i.test(name))).toEqual([]);
    expect(names.filter(name => name.includes('configmap'))).toEqual(
      ['kube-proxy', 'kubeadm-config', 'kubelet-config'].map(name => `cluster/configmap-${name}.json`),
    );
    expect(names.filter(name => name.startsWith('logs/'))).toEqual([]);
    expect(text('status.json')).toContain('"dbBytes"');
  });

  it('is made whatever is down, and its manifest says what', async () => {
    for (const name of ['etcd', 'control-plane', 'cri']) await daemon('control-plane', name).stop();
    const { manifest, text } = await bundle('control-plane');
    const missing = manifest.missing.map(({ path, because }) => `${path}: ${because}`);
    expect(missing).toContainEqual(expect.stringMatching(/^objects of the cluster: cannot reach https:/));
    expect(missing).toContainEqual(expect.stringMatching(/^runtime\/pods\.json: /));
    expect(text('status.txt')).toMatch(/gantry-etcd: it does not run/);
    expect(text('logs/gantry-etcd.log').length).toBeGreaterThan(100);
    for (const name of ['etcd', 'control-plane', 'cri']) daemon('control-plane', name).start();
    await waitFor('the cluster to answer again', async () => (await kubectl.run('get --raw /readyz')).out === 'ok', {
      timeoutMs: 60_000,
    });
  });

  it('never replaces a file unless it is told to, and leaves nothing half made', async () => {
    const host = cluster.host('worker');
    const output = host.path('/run/there.tar.gz');
    writeFileSync(output, 'mine');
    const refused = await inside('worker', '--output=/run/there.tar.gz', '--no-logs');
    expect(refused).toMatchObject({
      code: 1,
      err: 'gantry: /run/there.tar.gz is there already: name another by --output, or replace it with --force\n',
    });
    expect(readFileSync(output, 'utf8')).toBe('mine');
    expect((await inside('worker', '--output=/run/there.tar.gz', '--no-logs', '--force')).code).toBe(0);
    expect(statSync(output).size).toBeGreaterThan(1000);
    expect(statSync(output).mode & 0o777).toBe(0o600);
    const killed = host.spawn(gantryCommand('support-bundle', '--output=/run/killed.tar.gz'), {
      logFile: `${host.dataDir}/bundle.log`,
    });
    const unfinished = (): string[] => readdirSync(host.path('/run')).filter(name => name.includes('.tmp-'));
    await waitFor('it to begin', async () => unfinished().length > 0);
    killed.kill();
    await killed.exited;
    expect(unfinished()).toHaveLength(1);
    expect((await inside('worker', '--output=/run/killed.tar.gz', '--no-logs')).code).toBe(0);
    rmSync(host.path('/run/killed.tar.gz'));
    const nowhere = await inside('worker', '--output=/none/x.tar.gz');
    expect(nowhere).toMatchObject({ code: 1, err: expect.stringContaining('the bundle cannot be written: ENOENT') });
    expect((await inside('worker', '--since=soon')).err).toMatch(/^gantry: --since: /);
    expect(readdirSync(host.path('/run')).filter(name => name.includes('tmp'))).toEqual([]);
    rmSync(output);
    expect(existsSync(output)).toBe(false);
  });
});

function commandIn(words: readonly string[]): [string, string[]] {
  const [program = '', ...args] = words;
  return [program, args];
}

/** Puts secrets into the files of a node. */
function plant(at: (path: string) => string): void {
  const write = (path: string, text: string): void => {
    mkdirSync(at(path.slice(0, path.lastIndexOf('/'))), { recursive: true });
    writeFileSync(at(path), text);
  };
  write(
    '/etc/gantry/cri.yaml',
    `# password: ${PLANTED.commentPassword}\nregistries:\n  mirrors:\n    docker.io: ["https://me:${PLANTED.mirrorPassword}@mirror.example"]\n`,
  );
  write(
    '/etc/default/gantry-node',
    `HTTPS_PROXY=http://me:${PLANTED.proxyPassword}@proxy.example:3128\nGANTRY_EXTRA_ARGS="--v=2"\nOTHER=${PLANTED.variable}\n`,
  );
  write('/var/lib/kubelet/config.json', JSON.stringify({ auths: { 'r.example': { auth: REGISTRY_AUTH } } }));
  write(
    '/etc/kubernetes/bootstrap-kubelet.conf',
    JSON.stringify({
      kind: 'Config',
      users: [{ name: 'a', user: { token: PLANTED.kubeconfigToken, 'client-key-data': 'cGxhbnRlZA==' } }],
    }),
  );
  const lines = [
    `{"level":30,"time":${Date.now()},"msg":"a line that is no secret"}`,
    `{"level":30,"time":${Date.now()},"msg":"request","headers":{"authorization":"Bearer ${PLANTED.logBearer}"}}`,
    `{"level":30,"time":${Date.now()},"msg":"joining with ${PLANTED.logBootstrap}"}`,
    `{"level":30,"time":${Date.now()},"msg":"the registry refused ${PLANTED.registryAuth} and ${REGISTRY_AUTH}"}`,
    `{"level":30,"time":${Date.now()},"msg":"user of the mirror: ${PLANTED.mirrorPassword}; token ${PLANTED.kubeconfigToken}"}`,
  ];
  writeFileSync(at('/var/log/gantry/gantry-node/current'), `${lines.join('\n')}\n`, { flag: 'a' });
}

const OBJECTS = [
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'planted' }, stringData: { password: PLANTED.secretValue } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'planted' }, data: { setting: PLANTED.configMapValue } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'planted' },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'x' } },
      template: {
        metadata: { labels: { app: 'x' } },
        spec: { containers: [{ name: 'main', image: BUSYBOX, env: [{ name: 'PLAIN', value: PLANTED.envValue }] }] },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'planted', annotations: { 'example.org/registry-password': PLANTED.annotation } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: BUSYBOX,
          command: ['sh', '-c', 'sleep 100000', 'x', PLANTED.word, '--password', PLANTED.commandPassword],
          env: [
            { name: 'PLAIN', value: PLANTED.envValue },
            { name: 'FROM', valueFrom: { secretKeyRef: { name: 'planted', key: 'password' } } },
          ],
        },
      ],
    },
  },
];
