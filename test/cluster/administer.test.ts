import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { certificateRequest } from '../harness/certificate-request.ts';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive, WEB_V1, WEB_V2 } from '../harness/images.ts';
import { kubectl120, suiteOf } from '../harness/kubectl.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const PATIENCE = '--timeout=140s';
const OLD = suiteOf(kubectl120());

describe('what an administrator does with kubectl', { timeout: 300_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const folder = `${RUN_DIR}/${cluster.name}-files`;
  const field = (object: string, path: string): Promise<string> => kubectl.ok(`get ${object} -o jsonpath={${path}}`);
  const rolledOut = (name: string): Promise<string> => kubectl.ok(`rollout status deployment/${name} ${PATIENCE}`);

  beforeAll(async () => {
    await cluster.create();
    for (const image of [BUSYBOX, WEB_V1, WEB_V2] as const)
      expect(await cluster.run(['load image', await imageArchive(image)])).toMatchObject({ code: 0, err: '' });
    mkdirSync(folder, { recursive: true });
    await kubectl.ok(`create deployment web --image=${WEB_V1} --port=8080`);
    await kubectl.ok('expose deployment web --port=80 --target-port=8080');
    await rolledOut('web');
  });
  afterAll(() => cluster.delete());

  it('applies a kustomization with an overlay, and rolls it out anew when what it generates changes', async () => {
    const [base, overlay] = [`${folder}/base`, `${folder}/overlay`];
    for (const each of [base, overlay]) mkdirSync(each, { recursive: true });
    writeFileSync(
      `${base}/deployment.yaml`,
      JSON.stringify(deployment('site', WEB_V1, { envFrom: [{ configMapRef: { name: 'settings' } }] })),
    );
    writeFileSync(
      `${base}/kustomization.yaml`,
      'resources: [deployment.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [COLOUR=red]\n',
    );
    const write = (colour: string): void =>
      writeFileSync(
        `${overlay}/kustomization.yaml`,
        `resources: [../base]\nnamePrefix: live-\nimages: [{name: localhost/web, newTag: v2}]\nreplicas: [{name: site, count: 2}]\nconfigMapGenerator:\n- name: settings\n  behavior: merge\n  literals: [COLOUR=${colour}]\n`,
      );
    const settings = (): Promise<string> =>
      field('deployment live-site', '.spec.template.spec.containers[0].envFrom[0].configMapRef.name');
    write('green');
    expect(await kubectl.ok(`kustomize ${overlay}`)).toMatch(
      /COLOUR: green(.*\n)*.*replicas: 2(.*\n)*.*image: localhost\/web:v2/,
    );
    await kubectl.ok(`apply -k ${overlay}`);
    await rolledOut('live-site');
    const before = await settings();
    expect(before).toMatch(/^live-settings-\w{10}$/);
    write('blue');
    expect((await kubectl.run(`diff -k ${overlay}`)).code).toBe(1);
    await kubectl.ok(`apply -k ${overlay}`);
    await rolledOut('live-site');
    expect(await settings()).not.toBe(before);
    expect((await kubectl.run(`diff -k ${overlay}`)).code).toBe(0);
    await kubectl.ok(`delete -k ${overlay}`);
  });

  it('prunes what is no longer applied, with all that hangs from it', async () => {
    const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept', labels: { set: 'x' } } };
    const gone = {
      ...deployment('gone', BUSYBOX, { command: ['sleep', '3600'] }),
      metadata: { name: 'gone', labels: { set: 'x' } },
    };
    const prune =
      'apply -f - --prune -l set=x --prune-allowlist=core/v1/ConfigMap --prune-allowlist=apps/v1/Deployment';
    await kubectl.given([settings, gone]).ok(prune);
    await rolledOut('gone');
    expect((await kubectl.given([settings]).ok(prune)).split('\n')).toEqual([
      'configmap/kept unchanged',
      'deployment.apps/gone pruned',
    ]);
    await kubectl.ok(`wait pod -l app=gone --for=delete ${PATIENCE}`);
    expect(await kubectl.ok('get rs,pods -l app=gone -o name')).toBe('');
  });

  it('replaces a pod by force: another one runs under its name', async () => {
    const pod = (image: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'one' },
      spec: { containers: [{ name: 'c', image }] },
    });
    await kubectl.given([pod(WEB_V1)]).ok('create -f -');
    const before = await field('pod one', '.metadata.uid');
    const out = await kubectl.given(JSON.stringify(pod(WEB_V2))).ok('replace --force --grace-period=1 -f -');
    expect(out).toMatch(/^pod "one" deleted.*\npod\/one replaced$/);
    await kubectl.ok(`wait pod/one --for=condition=Ready ${PATIENCE}`);
    expect(await field('pod one', '.metadata.uid')).not.toBe(before);
    expect(await kubectl.ok('logs one')).toBe('serving v2 one');
  });

  it('sets images, variables and resources of a Deployment, each of which rolls out', async () => {
    await kubectl.ok(`set image deployment/web *=${WEB_V2}`);
    await kubectl.ok('set env deployment/web COLOUR=green');
    await kubectl.ok('set resources deployment/web --limits=memory=64Mi --requests=cpu=10m');
    await rolledOut('web');
    const { items } = JSON.parse(await kubectl.ok('get pods -l app=web -o json')) as { items: Pod[] };
    // those of before are still on their way out
    const [pod] = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(pod?.status?.containerStatuses?.[0]?.resources).toEqual({
      limits: { memory: '64Mi' },
      requests: { cpu: '10m', memory: '64Mi' },
    });
    expect(await kubectl.ok('set env deployment/web --list')).toContain('COLOUR=green');
    expect(await kubectl.ok('rollout history deployment/web')).toMatch(/^4 /m);
  });

  it('dumps the cluster into files, with the logs of its pods', async () => {
    await kubectl.ok(`cluster-info dump --namespaces=default,kube-system --output-directory=${folder}/dump`);
    expect(existsSync(`${folder}/dump/nodes.json`)).toBe(true);
    expect(readFileSync(`${folder}/dump/default/one/logs.txt`, 'utf8')).toContain('serving v2 one');
    const { items } = JSON.parse(readFileSync(`${folder}/dump/default/pods.json`, 'utf8')) as { items: unknown[] };
    expect(items.length).toBeGreaterThanOrEqual(2);
  });

  it('serves the API to programs here by a proxy: below a path, on a socket, and not what it keeps back', async () => {
    const socket = `${folder}/proxy`;
    const proxy = kubectl.background(
      `proxy --unix-socket=${socket} --api-prefix=/k8s --reject-paths=^/api/v1/namespaces/kube-system/.*`,
    );
    try {
      await waitFor('the proxy', () => proxy.seen().includes('Starting to serve'));
      const [node = ''] = (await kubectl.ok('get nodes -o name')).split('\n');
      expect(await asked(socket, '/k8s/api/v1/namespaces/default/pods/one/log')).toMatch(/^200 serving v2 one/);
      expect(await asked(socket, `/k8s/api/v1/nodes/${node.replace('node/', '')}`)).toMatch(/^200 \{"kind":"Node"/);
      expect(await asked(socket, '/k8s/api/v1/namespaces/kube-system/secrets')).toMatch(/^403 Forbidden/);
      expect(await asked(socket, '/api/v1/nodes')).toMatch(/^404 /);
    } finally {
      await proxy.end();
    }
  });

  it('signs a certificate that lets its owner in, as who he is', async () => {
    await kubectl.given([certificateRequest('jane', `${folder}/jane.key`)]).ok('create -f -');
    await kubectl.ok('certificate approve jane');
    const certificate = await waitFor('the certificate', () => field('csr jane', '.status.certificate'));
    writeFileSync(`${folder}/jane.crt`, Buffer.from(certificate, 'base64'));
    await kubectl.ok(
      `config set-credentials jane --client-certificate=${folder}/jane.crt --client-key=${folder}/jane.key --embed-certs=true`,
    );
    await kubectl.ok('create rolebinding devs --clusterrole=view --group=dev');
    expect(await kubectl.ok(`auth whoami --user=jane`)).toMatch(/Username +jane\nGroups +\[dev system:authenticated\]/);
    expect(await kubectl.ok(`auth can-i list pods --user=jane`)).toBe('yes');
    expect((await kubectl.run(`auth can-i delete pods --user=jane`)).out).toBe('no');
  });

  it('watches events as they come, of one pod', async () => {
    const watched = kubectl.background('events --for=pod/eventful --watch');
    await kubectl.ok(`run eventful --image=${BUSYBOX} --restart=Never -- true`);
    try {
      await waitFor('its start', async saw => {
        saw(watched.seen());
        return /Normal +Started +Pod\/eventful +Container started/.test(watched.seen());
      });
    } finally {
      await watched.end();
    }
  });

  it('deletes a namespace with everything in it', async () => {
    await kubectl.ok('create namespace short');
    await kubectl.in('short').ok(`create deployment web --image=${WEB_V1}`);
    await kubectl.in('short').ok(`wait deployment/web --for=condition=Available ${PATIENCE}`);
    await kubectl.ok(`delete namespace short ${PATIENCE}`);
    expect(
      await kubectl.ok('get pods -A -o', 'jsonpath={.items[?(@.metadata.namespace=="short")].metadata.name}'),
    ).toBe('');
  });

  describe.skipIf(OLD.skipped)(`with kubectl 1.20 ${OLD.title}`, () => {
    const old = kubectl.with(OLD.path);

    it('runs a workload from its creation to its end', async () => {
      expect(await old.ok(`create deployment aged --image=${WEB_V1}`)).toBe('deployment.apps/aged created');
      expect(await old.ok(`rollout status deployment/aged ${PATIENCE}`)).toContain('successfully rolled out');
      await old.ok('expose deployment aged --port=80 --target-port=8080');
      await old.ok('scale deployment/aged --replicas=2');
      await old.ok(`rollout status deployment/aged ${PATIENCE}`);
      expect(await old.ok('get endpoints aged -o jsonpath={.subsets[0].ports[0].port}')).toBe('8080');
      expect(await old.ok('describe deployment aged')).toContain('NewReplicaSet:');
      await old.ok('delete deployment,service aged --wait=false');
    });

    it('drains the node and opens it again', async () => {
      const node = `${cluster.name}-control-plane`;
      const drained = await old.ok(
        `drain ${node} --force --delete-emptydir-data --ignore-daemonsets --grace-period=1 ${PATIENCE}`,
      );
      expect(drained).toContain(`node/${node} evicted`);
      expect(await old.ok(`uncordon ${node}`)).toBe(`node/${node} uncordoned`);
      await old.ok(`wait deployment/web --for=condition=Available ${PATIENCE}`);
    });
  });
});

/** Status and body of an answer over a unix socket. */
function asked(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, agent: false }, answer => {
      let body = '';
      answer.on('data', piece => {
        body += String(piece);
      });
      answer.on('end', () => resolve(`${answer.statusCode} ${body}`));
    });
    asking.on('error', reject);
    asking.end();
  });
}

function deployment(name: string, image: string, container: object): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image, ...container }] },
      },
    },
  };
}
