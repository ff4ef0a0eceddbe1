import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { run } from '../harness/host.ts';
import { newestKubectl, suiteOf } from '../harness/kubectl.ts';
import { WAIT } from '../harness/kubelet.ts';
import { waitFor } from '../harness/wait-for.ts';

let node: ClusterNode;
let folder: string;
beforeAll(async () => {
  node = await clusterNode();
  folder = mkdtempSync(join(tmpdir(), 'gantry-kubectl-'));
  writeFileSync(join(folder, 'admin.conf'), node.kubeconfig('admin', ['system:masters']));
  writeFileSync(join(folder, 'nobody.conf'), node.kubeconfig('nobody', []));
});
afterAll(async () => {
  await node?.delete();
  rmSync(folder, { recursive: true, force: true });
});

/** GET of a path of the API, as an administrator: status and text. */
async function get(path: string): Promise<string> {
  const { status, body } = await node.admin.call({ method: 'GET', path });
  const text = body.toString();
  return `${status} ${status === 200 ? text : JSON.parse(text).message}`;
}

const log = (pod: string, query = ''): Promise<string> => get(`/api/v1/namespaces/default/pods/${pod}/log${query}`);

describe('the log of a pod through the API server', () => {
  it('is what its container wrote, as far as it is asked for', async () => {
    await node.pods.create(boundPod(node.name, 'talks', `echo one; echo two; echo three; ${WAIT}`));
    await node.running('talks');
    await waitFor('the whole log', async saw => {
      const text = await log('talks');
      saw(text);
      return text === '200 one\ntwo\nthree\n';
    });
    expect(await log('talks', '?tailLines=1')).toBe('200 three\n');
    expect(await log('talks', '?limitBytes=5')).toBe('200 one\nt');
    expect(await log('talks', '?sinceSeconds=3600')).toBe('200 one\ntwo\nthree\n');
    expect(await log('talks', '?sinceTime=2099-01-01T00:00:00Z')).toBe('200 ');
    expect(await log('talks', '?timestamps=true&tailLines=1')).toMatch(
      /^200 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z three\n$/,
    );
  });

  it('is followed as it comes, until the container ends', async () => {
    const script = 'echo begins; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo goes; exit 0';
    await node.pods.create(boundPod(node.name, 'grows', script, { restartPolicy: 'Never' }));
    const pod = await node.running('grows');
    const { pieces } = await node.admin.stream({
      method: 'GET',
      path: '/api/v1/namespaces/default/pods/grows/log?follow=true',
    });
    let seen = '';
    for await (const piece of pieces) {
      if (seen === '') {
        const containerId = pod.status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? '';
        await node.target.client.execSync({ containerId, cmd: ['touch', '/tmp/go'], timeout: 10n });
      }
      seen += String(piece);
    }
    expect(seen).toBe('begins\ngoes\n');
  });

  it('is that of the container before where that is asked for', async () => {
    await node.pods.create(
      boundPod(
        node.name,
        'again',
        'if [ -e /data/been ]; then echo second; sleep 1000; fi; touch /data/been; echo first',
        {
          volumes: [{ name: 'data', emptyDir: {} }],
        },
        { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
      ),
    );
    await node.until(
      'to be restarted',
      'again',
      each =>
        each?.status?.containerStatuses?.[0]?.restartCount === 1 &&
        each.status.containerStatuses[0].state.running !== undefined,
    );
    expect(await log('again', '?previous=true')).toBe('200 first\n');
    await waitFor('the second log', async () => (await log('again')) === '200 second\n');
    expect(await log('talks', '?previous=true')).toBe(
      '400 previous terminated container "main" in pod "talks" not found',
    );
  });

  it.each([
    [
      'a container has to be named',
      'two',
      '',
      '400 a container name must be specified for pod two, choose one of: [a b]',
    ],
    ['the container has to be there', 'two', '?container=c', '400 container c is not valid for pod two'],
    ['the pod has to be there', 'none', '', '404 pods "none" not found'],
    [
      'the options have to make sense',
      'two',
      '?container=a&tailLines=-1',
      '422 PodLogOptions "two" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'numbers have to be some',
      'two',
      '?container=a&limitBytes=x',
      '400 strconv.ParseInt: parsing "x": invalid syntax',
    ],
    ['there are no logs yet', 'two', '?container=a', '400 container "a" in pod "two" is waiting to start: '],
  ])('is refused in upstream words: %s', async (_what, pod, query, answer) => {
    const container = { image: 'localhost/none:1', imagePullPolicy: 'Never' };
    const two = boundPod(node.name, 'two', '', { containers: ['a', 'b'].map(name => ({ name, ...container })) });
    await node.pods.create(two).catch(() => undefined);
    await node.until('to be looked at', 'two', each => (each?.status?.containerStatuses ?? []).length === 2);
    expect(await log(pod, query)).toContain(answer);
  });

  it('says why the kubelet cannot be reached', async () => {
    await node.kubelet.stop();
    expect(await log('talks')).toBe(
      '500 Get "https://127.0.0.1:10250/containerLogs/default/talks/main": dial tcp 127.0.0.1:10250: connect: connection refused',
    );
    node.kubelet.start();
    await waitFor('the log again', async () => (await log('talks')) === '200 one\ntwo\nthree\n');
  });
});

describe('the server of the kubelet', () => {
  const curl = async (...args: readonly string[]): Promise<string> => {
    const ask = ['curl', '-sk', '-w', ' %{http_code}', ...args, 'https://127.0.0.1:10250/pods'];
    return run(node.target.host, ask);
  };
  const certificate = (user: string, groups: readonly string[]): readonly string[] => {
    const { cert, key } = node.authority.issue(user, groups, 'clientAuth');
    writeFileSync(node.target.host.path(`/etc/kubernetes/${user}.pem`), `${cert}\n${key}`);
    return ['--cert', `/etc/kubernetes/${user}.pem`];
  };

  it('lets in who has the right to it, by certificate or token, and tells others why not', async () => {
    expect(await curl()).toBe('Unauthorized 401');
    expect(await curl('-H', 'Authorization: Bearer nonsense')).toBe('Unauthorized 401');
    expect(await curl(...certificate('nobody', []))).toBe(
      'Forbidden (user=nobody, verb=get, resource=nodes, subresource(s)=[pods proxy]) 403',
    );
    expect(await curl(...certificate('admin', ['system:masters']))).toMatch(/^\{"kind":"PodList".* 200$/);
    const { body } = await node.admin.call({
      method: 'POST',
      path: '/api/v1/namespaces/default/serviceaccounts/default/token',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} })),
    });
    const { token } = JSON.parse(body.toString()).status;
    expect(await curl('-H', `Authorization: Bearer ${token}`)).toBe(
      'Forbidden (user=system:serviceaccount:default:default, verb=get, resource=nodes, subresource(s)=[pods proxy]) 403',
    );
  });

  /** Ends it by kill -9; resolves once there is another process. */
  const killed = async (): Promise<void> => {
    const before = node.kubelet.pid();
    node.kubelet.signal('KILL');
    await waitFor('another kubelet', () => ![before, undefined].includes(node.kubelet.pid()));
  };

  it('serves with a certificate of its own that it keeps', async () => {
    const path = node.target.host.path('/var/lib/kubelet/pki/kubelet.crt');
    const before = readFileSync(path, 'utf8');
    await killed();
    await waitFor('the kubelet to answer again', () => curl(...certificate('admin', ['system:masters'])));
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('knows its pods in its first answer after kill -9', async () => {
    const admin = certificate('admin', ['system:masters']);
    const url = 'https://127.0.0.1:10250/containerLogs/default/talks/main';
    await killed();
    // a connection that is refused is tried again, an answer is not
    const retry = ['--retry', '1000', '--retry-connrefused', '--retry-delay', '0', '--retry-max-time', '30'];
    const text = await run(node.target.host, ['curl', '-sk', ...retry, '-w', ' %{http_code}', ...admin, url]);
    expect(text).toBe('one\ntwo\nthree\n 200');
  });
});

const kubectl = suiteOf(newestKubectl());
describe.skipIf(kubectl.skipped)(`kubectl logs ${kubectl.title}`, () => {
  const logs = (...args: readonly string[]): Promise<string> =>
    new Promise(resolve => {
      const env = { KUBECONFIG: join(folder, 'admin.conf'), HOME: folder };
      execFile(kubectl.path, ['logs', ...args], { env, timeout: 30_000 }, (_error, out, err) => resolve(out + err));
    });

  it('prints, picks, follows and explains', async () => {
    const containers = ['a', 'b'].map(name => ({
      name,
      image: 'localhost/busybox:1.35',
      command: ['/bin/sh', '-c', `echo from ${name}; sleep 1`],
    }));
    await node.pods.create(boundPod(node.name, 'pair', '', { restartPolicy: 'Never', containers }));
    expect(await logs('talks', '--tail=2')).toBe('two\nthree\n');
    await node.until('to have ended', 'pair', each => each?.status?.phase === 'Succeeded');
    expect(await logs('pair', '-c', 'b', '-f')).toBe('from b\n');
    // kubectl walks a Go map: in either order
    const both = (await logs('pair', '--all-containers', '--prefix')).trim().split('\n');
    expect(both.sort()).toEqual(['[pod/pair/a] from a', '[pod/pair/b] from b']);
    expect(await logs('pair', '-c', 'x')).toContain('container x is not valid for pod pair');
  });
});
