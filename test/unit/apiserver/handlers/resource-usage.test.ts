import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reading } from '../../../../src/apiserver/resource-usage/scrape.ts';
import { type Answer, MemoryApi, PROTOBUF } from '../../../harness/memory-api.ts';

const URL = '/apis/metrics.k8s.io/v1beta1';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

describe('metrics.k8s.io', () => {
  let api: MemoryApi;
  beforeEach(async () => {
    api = await MemoryApi.start();
    for (const name of ['one', 'two'])
      await api.put(`/registry/minions/${name}`, {
        kind: 'Node',
        apiVersion: 'v1',
        metadata: { name, uid: name, labels: { disk: name } },
        spec: {},
        status: {},
      });
    const pods = [
      ['default', 'web', 'one', 'Running'],
      ['default', 'done', 'one', 'Succeeded'],
      ['a', 'db', 'two', 'Running'],
      ['a', 'new', '', 'Pending'],
    ];
    for (const [namespace = '', name = '', nodeName, phase] of pods)
      await api.put(`/registry/pods/${namespace}/${name}`, {
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: { name, namespace, uid: name, labels: { app: name } },
        spec: { nodeName, containers: [{ name: 'main', image: 'x' }] },
        status: { phase },
      });
    const { clock } = api;
    const reading = (cores: number, mebibytes: number): Reading => ({
      at: clock.now(),
      cpuSeconds: (clock.monotonic() * cores) / 1000,
      memoryBytes: mebibytes << 20,
      startedAt: undefined,
    });
    api.scrape = ({ metadata }) => ({
      node: reading(1.5, 1024),
      pods:
        metadata.name === 'one'
          ? new Map([
              [
                'default/web',
                new Map([
                  ['main', reading(0.25, 64)],
                  ['side', reading(0.000001, 1)],
                ]),
              ],
              ['default/done', new Map([['main', reading(1, 1)]])],
            ])
          : new Map([['a/db', new Map([['main', reading(0, 3)]])]]),
    });
  });
  afterEach(() => api.stop());

  /** Kubelets are asked twice, a second apart. */
  async function ask(url: string, accept?: string): Promise<Answer> {
    const asked = api.ask('GET', `${URL}${url}`, accept === undefined ? {} : { accept });
    await api.clock.advance(1000);
    return asked;
  }
  const names = ({ json }: Answer): string[] =>
    json.items.map((item: { metadata: { name: string } }) => item.metadata.name);

  it('has the usage of a pod, by container', async () => {
    const { json } = await ask('/namespaces/default/pods/web');
    const now = new Date(api.clock.now()).toISOString().replace('.000', '');
    expect(json).toEqual({
      kind: 'PodMetrics',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: {
        name: 'web',
        namespace: 'default',
        labels: { app: 'web' },
        creationTimestamp: expect.stringMatching(/Z$/),
      },
      timestamp: now,
      window: '1s',
      containers: [
        { name: 'main', usage: { cpu: '250m', memory: '64Mi' } },
        { name: 'side', usage: { cpu: '1u', memory: '1Mi' } },
      ],
    });
  });

  it('has the usage of a node', async () => {
    const { json } = await ask('/nodes/two');
    expect(json).toMatchObject({
      kind: 'NodeMetrics',
      metadata: { name: 'two', labels: { disk: 'two' } },
      window: '1s',
      usage: { cpu: '1500m', memory: '1Gi' },
    });
  });

  it.each([
    ['all nodes', '/nodes', ['one', 'two']],
    ['nodes by labels', '/nodes?labelSelector=disk%3Dtwo', ['two']],
    ['all pods that run', '/pods', ['db', 'web']],
    ['those of a namespace', '/namespaces/a/pods', ['db']],
    ['pods by labels', '/pods?labelSelector=app%3Dweb', ['web']],
    ['pods by name', '/pods?fieldSelector=metadata.name%3Ddb', ['db']],
    ['pods that are not there', '/pods?labelSelector=app%3Dnone', []],
  ])('lists %s', async (_sentence, url, expected) => {
    expect(names(await ask(url))).toEqual(expected);
  });

  it("prints metrics-server's columns, a pod as the sum of its containers", async () => {
    const { json } = await ask('/namespaces/default/pods', TABLE);
    expect(json.columnDefinitions.map((c: { name: string }) => c.name)).toEqual(['Name', 'cpu', 'memory', 'Window']);
    expect(json.rows.map((row: { cells: unknown[] }) => row.cells)).toEqual([['web', '250001u', '65Mi', '1s']]);
  });

  it('speaks protobuf', async () => {
    const { type, bytes } = await ask('/nodes', PROTOBUF);
    expect([type, bytes.subarray(0, 4).toString()]).toEqual([PROTOBUF, 'k8s\0']);
  });

  it.each([
    ['/namespaces/default/pods/none', 'pods "none" not found'],
    ['/nodes/none', 'nodes "none" not found'],
    ['/namespaces/a/pods/new', 'pods "new" not found'],
    ['/namespaces/default/pods/done', 'pods "done" not found'],
  ])('answers GET %s with 404', async (url, message) => {
    const { json } = await ask(url);
    expect([json.code, json.message]).toEqual([404, message]);
  });

  it('leaves out the nodes and pods of a kubelet that does not answer', async () => {
    const told = api.scrape;
    api.scrape = node => (node.metadata.name === 'one' ? Promise.reject(new Error('refused')) : told(node));
    expect(names(await ask('/nodes'))).toEqual(['two']);
    expect(names(await ask('/pods'))).toEqual(['db']);
    expect((await ask('/namespaces/default/pods/web')).json.message).toBe(
      'podmetrics.metrics.k8s.io "default/web" not found',
    );
    expect((await ask('/nodes/one')).json.message).toBe('nodemetrics.metrics.k8s.io "one" not found');
  });

  it.each([
    ['POST', '/nodes'],
    ['PUT', '/nodes/one'],
    ['PATCH', '/nodes/one'],
    ['DELETE', '/namespaces/default/pods/web'],
    ['DELETE', '/namespaces/default/pods'],
    ['GET', '/pods?watch=1'],
  ])('does not allow %s %s', async (method, url) => {
    expect((await api.ask(method, `${URL}${url}`)).json.code).toBe(405);
  });

  it.each(['/nodes/one/status', '/namespaces/default/pods/web/log', '/namespaces/default/nodes/one', '/pods/web'])(
    'has nothing at %s',
    async url => {
      expect((await api.ask('GET', `${URL}${url}`)).json.code).toBeGreaterThanOrEqual(404);
    },
  );
});
