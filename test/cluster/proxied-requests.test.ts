import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Serves a page with links, and on /cgi-bin/echo what it was asked and was sent. */
const SERVE = [
  'mkdir -p /w/cgi-bin; cd /w',
  'echo "<a href=/next>next</a>" >index.html',
  `printf '#!/bin/sh\\necho Content-Type: text/plain; echo; echo "$REQUEST_METHOD $QUERY_STRING"; cat' >cgi-bin/echo`,
  "cat >upgrade <<'END'",
  '#!/bin/sh',
  'while read -r line; do case "$line" in ?) break ;; esac; done',
  "printf 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'",
  'exec cat',
  'END',
  'chmod +x cgi-bin/echo upgrade',
  'nc -ll -p 9000 -e /w/upgrade &',
  'exec httpd -f -p 8080',
].join('\n');
const SERVER = {
  name: 'main',
  image: BUSYBOX,
  command: ['sh', '-c', SERVE],
  ports: [{ name: 'http', containerPort: 8080 }],
  readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
};
const OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'front', port: 80, targetPort: 'http' }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'empty' },
    spec: { selector: { app: 'none' }, ports: [{ port: 80 }] },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'by-hand' }, spec: { ports: [{ port: 80 }] } },
  {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'by-hand' },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
  },
];
const PODS = '/api/v1/namespaces/default/pods';
const SERVICES = '/api/v1/namespaces/default/services';

describe('requests that the API server hands on', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const raw = (path: string): Promise<string> => kubectl.ok(`get --raw ${path}`);
  const refused = (path: string): Promise<string> => kubectl.fails(`get --raw ${path}`);

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    await cluster.run(['load image', await imageArchive(BUSYBOX)]);
    const pods = ['control-plane', 'worker'].map(node => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `on-${node}`, labels: { app: 'web' } },
      spec: {
        nodeName: `${cluster.name}-${node}`,
        terminationGracePeriodSeconds: 0,
        containers: [SERVER],
        tolerations: [{ operator: 'Exists' }],
      },
    }));
    await kubectl.given([...pods, ...OBJECTS]).ok('apply -f -');
    await kubectl.ok('wait pod --all --for=condition=Ready --timeout=60s');
    await waitFor('both pods to be endpoints', async saw => {
      const addresses = await kubectl.ok('get endpoints web -o jsonpath={.subsets[*].addresses[*].ip}');
      saw(addresses);
      return addresses.split(' ').length === 2;
    });
  });
  afterAll(() => cluster.delete());

  it.each(['on-control-plane', 'on-worker'])('reach a pod, on whatever node it is: %s', async pod => {
    expect(await raw(`${PODS}/${pod}/proxy/cgi-bin/echo?a=b`)).toBe('GET a=b');
    expect(await raw(`${PODS}/http:${pod}:8080/proxy/`)).toBe(`<a href=${PODS}/http:${pod}:8080/proxy/next>next</a>`);
  });

  it.each(['web:front', 'web:80', 'http:web:front'])('reach the pods of a service: %s', async name => {
    expect(await raw(`${SERVICES}/${name}/proxy/cgi-bin/echo?c=1`)).toBe('GET c=1');
  });

  it('carry what a client sends', async () => {
    const answer = await kubectl.given('sent').ok(`create --raw ${SERVICES}/web:80/proxy/cgi-bin/echo?d=1 -f -`);
    // kubectl sends chunks, which this server takes for text
    expect(answer).toMatch(/^POST d=1\n4\r\nsent/);
  });

  it('reach the kubelet of a node, which knows the API server', async () => {
    for (const node of ['control-plane', 'worker'])
      expect(JSON.parse(await raw(`/api/v1/nodes/${cluster.name}-${node}/proxy/runningpods/`)).kind).toBe('PodList');
    expect(await raw(`/api/v1/nodes/${cluster.name}-worker:10250/proxy/healthz`)).toBe('ok');
  });

  it.each([
    ['a pod that is not there', `${PODS}/none/proxy/`, '(NotFound): pods "none" not found'],
    ['a port on which nobody listens', `${PODS}/on-worker:1/proxy/`, 'error trying to reach service: dial tcp'],
    ['a service without pods', `${SERVICES}/empty/proxy/`, 'no endpoints available for service "empty"'],
    [
      'a service of addresses that are no pod',
      `${SERVICES}/by-hand/proxy/`,
      'no endpoints available for service "by-hand"',
    ],
    ['a named port that is not named', `${SERVICES}/web/proxy/`, 'no endpoints available for service "web"'],
    ['a port that a service has not got', `${SERVICES}/web:81/proxy/`, 'no service port 81 found for service "web"'],
    ['a name that is none', `${PODS}/ftp:on-worker:21/proxy/`, 'invalid pod request "ftp:on-worker:21"'],
  ])('are refused in words for %s', async (_sentence, path, words) => {
    expect(await refused(path)).toContain(words);
  });

  it('go nowhere but to pods and nodes, whatever a status claims', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'liar' },
      spec: { nodeName: 'none', containers: [SERVER] },
    };
    await kubectl.given([pod]).ok('create -f -');
    for (const ip of ['127.0.0.1', '169.254.169.254']) {
      const status = JSON.stringify({ status: { podIP: ip, podIPs: [{ ip }] } });
      await kubectl.ok('patch pod liar --subresource=status --type=merge -p', status);
      expect(await refused(`${PODS}/liar/proxy/`)).toContain('address not allowed');
    }
    await kubectl.ok('delete pod liar --force --grace-period=0');
  });

  it('may become another protocol', async () => {
    const { server, ca, certificate } = readKubeconfig(cluster.kubeconfig);
    const asked = request(`${server}${PODS}/on-worker:9000/proxy/any`, {
      ...{ ca, ...certificate },
      headers: { connection: 'Upgrade', upgrade: 'echo' },
    });
    asked.end();
    const [answer, socket] = (await once(asked, 'upgrade')) as [IncomingMessage, Duplex];
    expect(answer.headers.upgrade).toBe('echo');
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
  });

  it('go through kubectl proxy with every method', async () => {
    const proxy = kubectl.background('proxy --port=0');
    try {
      let base = '';
      await waitFor('kubectl proxy to listen', async saw => {
        saw(proxy.seen());
        base = /127\.0\.0\.1:\d+/.exec(proxy.seen())?.[0] ?? '';
        return base !== '';
      });
      const echo = `http://${base}${PODS}/on-worker/proxy/cgi-bin/echo?e`;
      expect(await (await fetch(echo)).text()).toBe('GET e\n');
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        expect(await (await fetch(echo, { method, body: method })).text()).toBe(`${method} e\n${method}`);
      }
      const moved = await fetch(`http://${base}${PODS}/on-worker/proxy`, { redirect: 'manual' });
      expect([moved.status, moved.headers.get('location')]).toEqual([301, `${PODS}/on-worker/proxy/`]);
    } finally {
      await proxy.end();
    }
  });
});
