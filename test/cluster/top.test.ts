import { get } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { durationMs } from '../../src/api/duration.ts';
import { quantityMilliValue } from '../../src/api/quantity.ts';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { everyKubectl } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';

const pod = (name: string, namespace: string, containers: readonly object[], more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { load: name } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: containers.map(container => ({ image: BUSYBOX, imagePullPolicy: 'IfNotPresent', ...container })),
    ...more,
  },
});
const sh = (script: string): object => ({ command: ['/bin/sh', '-c', script] });

const ON_CONTROL_PLANE = {
  nodeSelector: { 'kubernetes.io/hostname': 'CONTROL-PLANE' },
  tolerations: [{ operator: 'Exists' }],
};

/** Half a core, and with each turn the CPU time that the shell had; 64 MiB held beside nothing; nothing on the other node. */
const LOADS = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } },
  pod(
    'burns',
    'default',
    [
      {
        name: 'main',
        ...sh('while :; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; times; done'),
        resources: { limits: { cpu: '500m' } },
      },
    ],
    ON_CONTROL_PLANE,
  ),
  pod(
    'holds',
    'default',
    [
      { name: 'main', ...sh('{ head -c 67108864 /dev/zero; sleep 100000; } | tail -c 67108864') },
      { name: 'side', ...sh('sleep 100000') },
    ],
    ON_CONTROL_PLANE,
  ),
  pod('sleeps', 'other', [{ name: 'main', ...sh('sleep 100000') }], {
    nodeSelector: { 'kubernetes.io/hostname': 'WORKER' },
  }),
];

const rowsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.trim().split(/\s+/));
const mebibytes = (text: string | undefined): number => Number(/^(\d+)Mi$/.exec(text ?? '')?.[1]);
const millicores = (text: string | undefined): number => Number(/^(\d+)m$/.exec(text ?? '')?.[1]);

describe('kubectl top on two nodes', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const worker = `${cluster.name}-worker`;
  const controlPlane = `${cluster.name}-control-plane`;

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    const loaded = await cluster.run(['load image', await imageArchive(BUSYBOX)]);
    expect(loaded).toMatchObject({ code: 0, err: '' });
    const loads = JSON.stringify(LOADS).replace('WORKER', worker).replaceAll('CONTROL-PLANE', controlPlane);
    await kubectl.given(JSON.parse(loads)).ok('apply -f -');
    await kubectl.ok('wait --for=condition=Ready --timeout=60s pod/burns pod/holds');
    await kubectl.in('other').ok('wait --for=condition=Ready --timeout=60s pod/sleeps');
  });
  afterAll(() => cluster.delete());

  it('shows of a pod that burns what its shell says that it had', async () => {
    // the second line of `times` is of children, of which there are none
    /** Seconds of CPU at seconds since the epoch, from `times` and the times of the log. */
    const burnt = async (): Promise<(readonly [at: number, used: number])[]> =>
      (await kubectl.ok('logs burns --timestamps'))
        .split('\n')
        .map(line => {
          const [at = '', user = '', system = ''] = line.split(' ');
          const seconds = (text: string): number => {
            const [, minutes, rest] = /^(\d+)m([\d.]+)s$/.exec(text) ?? [];
            return Number(minutes) * 60 + Number(rest);
          };
          return [Date.parse(at) / 1000, seconds(user) + seconds(system)] as const;
        })
        .filter(([, used]) => used > 0);
    const told = await waitFor('figures of 4 s or more', async saw => {
      const path = '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/burns';
      const metrics = JSON.parse(await kubectl.ok(`get --raw ${path}`)) as {
        timestamp: string;
        window: string;
        containers: { usage: { cpu: string } }[];
      };
      saw(metrics);
      return durationMs(metrics.window) >= 4000 ? metrics : undefined;
    });
    // the time of the figures has whole seconds, and others run on this machine: the mean lies between the slowest and the fastest turn about then
    const end = Date.parse(told.timestamp) / 1000 + 2;
    const turns = (await burnt()).filter(([at]) => at >= end - 3 - durationMs(told.window) / 1000 && at <= end);
    const rates = turns.slice(1).map(([at, used], index) => {
      const [before, usedBefore] = turns[index] ?? [0, 0];
      return (used - usedBefore) / (at - before);
    });
    const cores = quantityMilliValue(told.containers[0]?.usage.cpu ?? '0') / 1000;
    expect(cores).toBeGreaterThan(Math.min(...rates) - 0.05);
    expect(cores).toBeLessThan(Math.max(...rates) + 0.05);
    expect(cores).toBeLessThan(0.6);
    const [[name, cpu] = []] = rowsOf(await kubectl.ok('top pod burns --no-headers'));
    expect([name, millicores(cpu)]).toEqual(['burns', Math.ceil(cores * 1000)]);
  });

  it('shows 64 MiB of a pod that holds them, by container and together', async () => {
    const rows = await waitFor('the memory', async saw => {
      const seen = rowsOf(await kubectl.ok('top pod holds --containers --no-headers'));
      saw(seen);
      return mebibytes(seen.find(([, container]) => container === 'main')?.[3]) >= 64 ? seen : undefined;
    });
    const of = (container: string): number => mebibytes(rows.find(([, name]) => name === container)?.[3]);
    expect(rows.map(([name, container]) => [name, container]).sort()).toEqual([
      ['holds', 'main'],
      ['holds', 'side'],
    ]);
    expect(of('main')).toBeLessThan(72);
    expect(of('side')).toBeLessThan(16);
    const [[, , together] = []] = rowsOf(await kubectl.ok('top pod holds --no-headers'));
    expect(Math.abs(mebibytes(together) - of('main') - of('side'))).toBeLessThanOrEqual(2);
  });

  it.each([
    ['by labels', 'top pod -l load=holds --no-headers', ['holds']],
    ['sorted by CPU', 'top pod --sort-by=cpu --no-headers', ['burns', 'holds']],
    ['sorted by memory', 'top pod --sort-by=memory --no-headers', ['holds', 'burns']],
    ['of a namespace', 'top pod -n other --no-headers', ['sleeps']],
  ])('shows pods %s', async (_sentence, command, expected) => {
    expect(rowsOf(await kubectl.ok(command)).map(([name]) => name)).toEqual(expected);
  });

  it('shows pods of all namespaces, with their sum', async () => {
    const [head, ...rows] = rowsOf(await kubectl.ok('top pod -A --sum'));
    expect(head).toEqual(['NAMESPACE', 'NAME', 'CPU(cores)', 'MEMORY(bytes)']);
    const pods = rows.filter(([namespace]) => ['default', 'other'].includes(namespace ?? ''));
    expect(pods.map(([namespace, name]) => `${namespace}/${name}`).sort()).toEqual([
      'default/burns',
      'default/holds',
      'other/sleeps',
    ]);
    const total = rows.at(-1)?.at(-1);
    expect(mebibytes(total)).toBeGreaterThanOrEqual(pods.reduce((sum, row) => sum + mebibytes(row[3]), 0) - 3);
  });

  it('shows nodes, and at least what their pods use', async () => {
    const [head, ...rows] = rowsOf(await kubectl.ok('top node'));
    expect(head?.[0]).toBe('NAME');
    expect(rows.map(([name]) => name).sort()).toEqual([controlPlane, worker]);
    for (const [, cpu, cpuShare, memory, memoryShare] of rows) {
      expect(millicores(cpu)).toBeGreaterThan(0);
      expect(mebibytes(memory)).toBeGreaterThan(16);
      expect([cpuShare, memoryShare]).toEqual([expect.stringMatching(/^\d+%$/), expect.stringMatching(/^\d+%$/)]);
    }
    const [, , , memory] = rows.find(([name]) => name === controlPlane) ?? [];
    const pods = rowsOf(await kubectl.ok('top pod --no-headers'));
    expect(mebibytes(memory)).toBeGreaterThan(pods.reduce((sum, row) => sum + mebibytes(row[2]), 0));
  });

  it.each(everyKubectl())('shows the same to kubectl %s', async (_version, program) => {
    const other = cluster.kubectl(program);
    expect(
      rowsOf(await other.ok('top pod --containers --no-headers'))
        .map(([name, container]) => [name, container])
        .sort(),
    ).toEqual([
      ['burns', 'main'],
      ['holds', 'main'],
      ['holds', 'side'],
    ]);
    expect(
      rowsOf(await other.ok('top node --no-headers'))
        .map(([name]) => name)
        .sort(),
    ).toEqual([controlPlane, worker]);
    const [head, ...rows] = rowsOf(await other.ok('get pods.v1beta1.metrics.k8s.io'));
    expect([head, rows.map(([name]) => name).sort()]).toEqual([
      ['NAME', 'CPU', 'MEMORY', 'WINDOW'],
      ['burns', 'holds'],
    ]);
  });

  it('shows those who may view a namespace its pods, and no nodes', async () => {
    await kubectl.ok('create serviceaccount viewer');
    await kubectl.ok('create rolebinding viewer --clusterrole=view --serviceaccount=default:viewer');
    const as = '--as=system:serviceaccount:default:viewer';
    expect(rowsOf(await kubectl.ok(`top pod --no-headers ${as}`))).toHaveLength(2);
    expect(await kubectl.fails(`top pod -n other ${as}`)).toContain('pods.metrics.k8s.io is forbidden');
    expect(await kubectl.fails(`top node ${as}`)).toContain('nodes.metrics.k8s.io is forbidden');
  });

  it('is what the kubelet tells, which those who may see it get through the server', async () => {
    const text = await kubectl.ok(`get --raw /api/v1/nodes/${worker}/proxy/metrics/resource`);
    expect(text).toMatch(
      /^container_memory_working_set_bytes\{container="main",namespace="other",pod="sleeps"\} \d+ \d+$/m,
    );
    const path = `/api/v1/nodes/${worker}/proxy/stats/summary?only_cpu_and_memory=true`;
    const { pods } = JSON.parse(await kubectl.ok(`get --raw ${path}`)) as { pods: { podRef: { name: string } }[] };
    expect(pods.map(({ podRef }) => podRef.name)).toContain('sleeps');
  });

  it('is scraped from the kubelet itself by an account that may, and only that', async () => {
    await kubectl.ok('create serviceaccount scraper');
    await kubectl.ok('create clusterrole scraper --verb=get --resource=nodes/metrics');
    await kubectl.ok('create clusterrolebinding scraper --clusterrole=scraper --serviceaccount=default:scraper');
    const token = await kubectl.ok('create token scraper');
    const path = 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}';
    const host = await kubectl.ok(`get node ${worker} -o`, path);
    const status = (url: string, authorization: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options = { host, port: 10250, path: url, rejectUnauthorized: false, headers: { authorization } };
        get(options, answer => resolve(answer.resume().statusCode)).on('error', reject);
      });
    const urls = ['/metrics/resource', '/metrics/cadvisor', '/metrics/probes', '/metrics', '/stats/summary', '/pods'];
    const seen = await Promise.all(urls.map(url => status(url, `Bearer ${token}`)));
    expect(seen).toEqual([200, 200, 200, 200, 403, 403]);
    expect(await status('/metrics/resource', 'Bearer nonsense')).toBe(401);
  });

  it('is in discovery, for people and for programs', async () => {
    expect(await kubectl.ok('api-versions')).toContain('metrics.k8s.io/v1beta1');
    const rows = rowsOf(await kubectl.ok('api-resources --api-group=metrics.k8s.io --no-headers'));
    expect(rows).toEqual([
      ['nodes', 'metrics.k8s.io/v1beta1', 'false', 'NodeMetrics'],
      ['pods', 'metrics.k8s.io/v1beta1', 'true', 'PodMetrics'],
    ]);
  });

  it('shows the others, and says of a node that cannot be reached that nothing is known', async () => {
    await cluster.cable('worker', 'out');
    const rows = await waitFor('the node to be unknown', async saw => {
      const seen = rowsOf(await kubectl.ok('top node --no-headers'));
      saw(seen);
      return seen.some(([name, cpu]) => name === worker && cpu === '<unknown>') ? seen : undefined;
    });
    const [, cpu] = rows.find(([name]) => name !== worker) ?? [];
    expect(millicores(cpu)).toBeGreaterThan(0);
    expect(rowsOf(await kubectl.ok('top pod -A --no-headers')).map(([, name]) => name)).toContain('burns');
    await cluster.cable('worker', 'in');
    await waitFor('the node to be known again', async saw => {
      const seen = rowsOf(await kubectl.ok('top node --no-headers'));
      saw(seen);
      return seen.every(([, value]) => value !== '<unknown>') && seen.length === 2;
    });
  });
});
