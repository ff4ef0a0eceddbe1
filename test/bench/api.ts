// The API server over HTTP/2 and TLS beside etcd's own figures, in the same run: npm run bench -- api
import { tmpdir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { encodeProtobuf } from '../../src/api/protobuf/object.ts';
import { builtinTable } from '../../src/api/schema/builtin.ts';
import type { EtcdClient } from '../../src/etcd/client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { type Answer, cpuSeconds, LoadClient, pssMegabytes, type Rate, rateOf, steadily, timesOf } from './api-load.ts';
import { quantile } from './statistics.ts';

const CLIENTS = 64;
const SECONDS = Number(process.env['GANTRY_BENCH_SECONDS'] ?? 3);
/** Reads a second that a server and its clients answer with time to spare on half of two cores. */
const STEADY = 1000;
const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 3);
const PODS = 5000;
const WATCHERS = 500;
const IDLE_MS = Number(process.env['GANTRY_BENCH_IDLE_MS'] ?? 30_000);
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const MIB = 1024 * 1024;

type Form = 'json' | 'protobuf';
const FORMS: readonly Form[] = ['json', 'protobuf'];

/** Parts by name, with commas between; all of them unless given. */
const ONLY = process.env['GANTRY_BENCH_ONLY']?.split(',');
const isWanted = (part: 'idle' | 'creates' | 'reads' | 'updates' | 'fan-out' | 'second-server'): boolean =>
  ONLY?.includes(part) ?? true;

interface Line {
  readonly what: string;
  readonly figure: string;
  readonly goal?: string;
}

const lines: Line[] = [];
const print = (what: string, figure: string, goal?: string): void => {
  lines.push({ what, figure, ...(goal === undefined ? {} : { goal }) });
  console.error(`${what}: ${figure} ${goal ?? ''}`);
};
const goal = (text: string, met: boolean): string => `${text}: ${met ? 'met' : 'missed'}`;
const median = (values: readonly number[]): number => quantile(values, 0.5);

/** A pod as a deployment makes it: two containers with environment, probes, resources and volumes; some 2 KB of JSON. */
function pod(namespace: string, name: string, note = '') {
  const container = (which: string) => ({
    name: which,
    image: `registry.example/${which}:1.2.3`,
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: [
      { name: 'MODE', value: 'production' },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ],
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
    readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { app: 'web', tier: 'front', note },
      annotations: { 'example.com/owner': 'bench' },
    },
    spec: {
      containers: [container('web'), container('sidecar')],
      volumes: [{ name: 'data', emptyDir: {} }],
      automountServiceAccountToken: false,
    },
  };
}

const podType = builtinTable.struct('core/v1.Pod');
const encode = (form: Form, object: object): Buffer =>
  form === 'json' ? Buffer.from(JSON.stringify(object)) : encodeProtobuf(podType, object);
const typeOf = (form: Form): string => (form === 'json' ? 'application/json' : PROTOBUF);
const headers = (form: Form) => ({ accept: typeOf(form), 'content-type': typeOf(form) });

function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status !== status) throw new Error(`${answer.status}: ${answer.body.toString().slice(0, 500)}`);
  return answer;
}

async function mainLag(client: LoadClient): Promise<string> {
  const { body } = await client.request('GET', '/metrics');
  const of = (quantileName: string): string => {
    const match = new RegExp(`gantry_event_loop_lag_seconds\\{quantile="${quantileName}"\\} (\\S+)`).exec(
      body.toString(),
    );
    return `${(Number(match?.[1] ?? Number.NaN) * 1000).toFixed(0)} ms`;
  };
  return `p50 ${of('0.5')}, p99 ${of('0.99')}, max ${of('1')}`;
}

/** The figures of some work of a server: its rate, the CPU it cost, and how late the loop was meanwhile. */
async function measured(
  server: TestApiServer,
  client: LoadClient,
  what: string,
  rounds: () => Promise<readonly Rate[]>,
): Promise<number> {
  await mainLag(client);
  const before = cpuSeconds(server.pid);
  const all = await rounds();
  const calls = all.reduce((sum, each) => sum + each.calls, 0);
  const cpu = ((cpuSeconds(server.pid) - before) / calls) * 1000;
  const rate = median(all.map(each => each.rate));
  const p99 = median(all.map(each => each.p99));
  print(
    what,
    `${rate.toFixed(0)}/s, p99 ${p99.toFixed(1)} ms, ${cpu.toFixed(2)} CPU s per 1,000; loop ${await mainLag(client)}`,
  );
  return rate;
}

interface Creation {
  readonly what: string;
  readonly form: Form;
  readonly path: string;
  readonly prefix: string;
  readonly body: (name: string) => Buffer;
}

const configMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'bench', labels: { app: 'web' } },
  data: { config: 'x'.repeat(800) },
});

const CREATIONS: readonly Creation[] = [
  ...FORMS.map(form => ({
    what: 'a pod',
    form,
    path: '/api/v1/namespaces/bench/pods',
    prefix: '/registry/pods/bench/',
    body: (name: string) => encode(form, pod('bench', name)),
  })),
  {
    what: 'a config map of 1 KB',
    form: 'json',
    path: '/api/v1/namespaces/bench/configmaps',
    prefix: '/registry/configmaps/bench/',
    body: name => Buffer.from(JSON.stringify(configMap(name))),
  },
];

/** Creates beside etcd's own puts of the very bytes that they store, in turns, because the machine's speed wanders. */
async function creates(server: TestApiServer, client: LoadClient, etcd: EtcdClient): Promise<void> {
  for (const [index, { what, form, path, prefix, body }] of CREATIONS.entries()) {
    let created = 0;
    const post = async (): Promise<void> => {
      created += 1;
      expectStatus(await client.request('POST', path, headers(form), body(`bench-${index}-${created}`)), 201);
    };
    await rateOf(CLIENTS, 1, post); // compiled, caches filled
    const { kvs } = await etcd.range(`${prefix}bench-${index}-1`);
    const value = Buffer.from(kvs[0]?.value ?? '');
    let put = 0;
    // outside of what the server watches: etcd's rate is that of etcd alone
    const raw = (): Promise<unknown> => etcd.put(`/bench-raw/${index}-${put++}`, value);
    const puts: Rate[] = [];
    const made: Rate[] = [];
    const rate = await measured(server, client, `create ${what}, ${form}, ${CLIENTS} at a time`, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        puts.push(await rateOf(CLIENTS, SECONDS, raw));
        made.push(await rateOf(CLIENTS, SECONDS, post));
      }
      return made;
    });
    const own = median(puts.map(each => each.rate));
    const ratio = rate / own;
    print(
      `etcd put of the ${value.length} bytes that this stores, in turns with it`,
      `${own.toFixed(0)}/s; the creates are ${ratio.toFixed(2)}x`,
      goal('0.5x', ratio >= 0.5),
    );
  }
}

async function fill(client: LoadClient): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < PODS) {
        next += 1;
        const body = encode('json', pod('many', `pod-${String(next).padStart(5, '0')}`));
        expectStatus(await client.request('POST', '/api/v1/namespaces/many/pods', headers('json'), body), 201);
      }
    }),
  );
}

type Pod = ReturnType<typeof pod>;

/** What is stored: an update may not drop what defaults and admission have filled in. */
async function storedPods(client: LoadClient): Promise<ReadonlyMap<string, Pod>> {
  const answer = expectStatus(await client.request('GET', '/api/v1/namespaces/many/pods', headers('json')), 200);
  const { items } = JSON.parse(answer.body.toString()) as { readonly items: readonly Pod[] };
  return new Map(items.map(item => [item.metadata.name, item]));
}

/** The stored pod with another label and no resourceVersion, so that it replaces whatever is there. */
function changed(stored: ReadonlyMap<string, Pod>, i: number, note: string): Pod {
  const found = stored.get(nameOf(i));
  if (found === undefined) throw new Error(`there is no ${nameOf(i)}`);
  const { labels, annotations, name, namespace } = found.metadata;
  return {
    ...found,
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, annotations, labels: { ...labels, note } },
  };
}

const nameOf = (i: number): string => `pod-${String((i % PODS) + 1).padStart(5, '0')}`;

async function reads(server: TestApiServer, client: LoadClient, etcd: EtcdClient): Promise<void> {
  for (const form of FORMS) {
    await measured(server, client, `get, consistent, ${form}, ${CLIENTS} at a time`, async () => {
      const all: Rate[] = [];
      for (let round = 0; round < ROUNDS; round += 1)
        all.push(
          await rateOf(CLIENTS, SECONDS, async i =>
            expectStatus(await client.request('GET', `/api/v1/namespaces/many/pods/${nameOf(i)}`, headers(form)), 200),
          ),
        );
      return all;
    });
  }
  const range = await rateOf(CLIENTS, SECONDS, i => etcd.range(`/registry/pods/many/${nameOf(i)}`));
  print(`etcd range of one key, ${CLIENTS} at a time`, `${range.rate.toFixed(0)}/s, p99 ${range.p99.toFixed(1)} ms`);
  const accepts = {
    json: 'application/json',
    protobuf: PROTOBUF,
    table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  };
  for (const [form, accept] of Object.entries(accepts)) {
    let size = 0;
    const list = async (): Promise<void> => {
      const answer = expectStatus(await client.request('GET', '/api/v1/namespaces/many/pods', { accept }), 200);
      size = answer.body.length;
    };
    const [first = 0] = await timesOf(1, list);
    await mainLag(client);
    const before = cpuSeconds(server.pid);
    const took = await timesOf(LISTS, list);
    print(
      `list of ${PODS} pods, ${form}, ${(size / MIB).toFixed(1)} MiB, one at a time`,
      `${perSecond(took)}/s, p50 ${median(took).toFixed(0)} ms, p99 ${quantile(took, 0.99).toFixed(0)} ms, the first ${first.toFixed(0)} ms, ${cpuPer(server, before, LISTS)} CPU s per 1,000; loop ${await mainLag(client)}`,
      ...(form === 'table' ? [] : [goal('150 ms', median(took) < 150)]),
    );
  }
}

async function updates(server: TestApiServer, client: LoadClient): Promise<void> {
  const stored = await storedPods(client);
  for (const form of FORMS) {
    let at = 0;
    const put = async (): Promise<void> => {
      at += 1;
      const body = encode(form, changed(stored, at, `${form}-${at}`));
      expectStatus(await client.request('PUT', `/api/v1/namespaces/many/pods/${nameOf(at)}`, headers(form), body), 200);
    };
    await measured(server, client, `update a pod, ${form}, ${CLIENTS} at a time`, async () => {
      const all: Rate[] = [];
      for (let round = 0; round < ROUNDS; round += 1) all.push(await rateOf(CLIENTS, SECONDS, put));
      return all;
    });
  }
}

const LISTS = 20;
const EVENTS = 50;

const perSecond = (took: readonly number[]): string =>
  ((took.length / took.reduce((sum, ms) => sum + ms, 0)) * 1000).toFixed(0);
const cpuPer = (server: TestApiServer, before: number, calls: number): string =>
  (((cpuSeconds(server.pid) - before) / calls) * 1000).toFixed(1);

/** How many whole frames of a watch stream a piece completes: lines of JSON, or protobuf behind its length. */
function frameCounter(form: Form): (piece: Buffer) => number {
  let held: Buffer = Buffer.alloc(0);
  return piece => {
    let count = 0;
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    for (;;) {
      const end = form === 'json' ? held.indexOf(0x0a) + 1 : held.length < 4 ? 0 : 4 + held.readUInt32BE(0);
      if (end === 0 || end > held.length) return count;
      held = held.subarray(end);
      count += 1;
    }
  };
}

/** From the moment an update is sent until the last watcher has its event. */
async function fanOut(server: TestApiServer, client: LoadClient): Promise<void> {
  const stored = await storedPods(client);
  for (const form of FORMS) {
    let waiting = 0;
    let arrived = (): void => {};
    const list = await client.request('GET', '/api/v1/namespaces/many/pods?limit=1', headers('json'));
    const from = (JSON.parse(list.body.toString()) as { metadata: { resourceVersion: string } }).metadata
      .resourceVersion;
    const path = `/api/v1/namespaces/many/pods?watch=1&resourceVersion=${from}`;
    const watchers = new LoadClient(server.url, server.credentials('admin', ['system:masters']), 10);
    const accept = form === 'json' ? 'application/json' : `${PROTOBUF};stream=watch`;
    const ends = await Promise.all(
      Array.from({ length: WATCHERS }, () => {
        const frames = frameCounter(form);
        return watchers.stream(path, { accept }, piece => {
          const whole = frames(piece);
          waiting -= whole;
          if (whole > 0 && waiting === 0) arrived();
        });
      }),
    );
    await mainLag(client);
    const before = cpuSeconds(server.pid);
    const took = await timesOf(EVENTS, i => {
      const done = new Promise<void>(resolve => {
        arrived = resolve;
      });
      waiting = WATCHERS;
      const body = encode(form, changed(stored, i, `seen-${form}-${i}`));
      return Promise.all([
        client
          .request('PUT', `/api/v1/namespaces/many/pods/${nameOf(i)}`, headers(form), body)
          .then(answer => expectStatus(answer, 200)),
        done,
      ]);
    });
    for (const end of ends) end();
    watchers.close();
    const p50 = median(took);
    print(
      `one event to ${WATCHERS} watchers, ${form}, from the update's call to the last`,
      `${perSecond(took)}/s, p50 ${p50.toFixed(1)} ms, p99 ${quantile(took, 0.99).toFixed(1)} ms, ${cpuPer(server, before, EVENTS)} CPU s per 1,000 events; loop ${await mainLag(client)}`,
      goal('50 ms', p50 < 50),
    );
  }
}

/** The same reads by one server, then shared by two: both answer alike, and a read costs what it did. */
async function secondServer(first: TestApiServer, client: LoadClient): Promise<void> {
  const second = await TestApiServer.start({ beside: first });
  const other = new LoadClient(second.url, second.credentials('admin', ['system:masters']), 4);
  try {
    const path = (i: number): string => `/api/v1/namespaces/many/pods/${nameOf(i)}`;
    const list = '/api/v1/namespaces/many/pods';
    const [a, b] = await Promise.all([client.request('GET', list), other.request('GET', list)]);
    const alike = a.body.equals(b.body);
    // from the cache as it is, and by the newest state, for which a server asks etcd once for all who ask meanwhile
    for (const [kind, query] of [
      ['from the cache', '?resourceVersion=0'],
      ['consistent', ''],
    ] as const) {
      const read = (who: LoadClient) => async (i: number) =>
        expectStatus(await who.request('GET', `${path(i)}${query}`, headers('json')), 200);
      await rateOf(CLIENTS, 6, read(other)); // as warm as the first
      const servers = [first, second];
      const cost = async (calls: () => Promise<number>): Promise<number> => {
        const before = servers.reduce((sum, server) => sum + cpuSeconds(server.pid), 0);
        const count = await calls();
        return ((servers.reduce((sum, server) => sum + cpuSeconds(server.pid), 0) - before) / count) * 1000;
      };
      const both = (i: number): Promise<unknown> => read(i % 2 === 0 ? client : other)(i);
      // each of two servers has as much to do as the one alone
      for (const [load, one, two] of [
        [
          `${STEADY} a second for each server`,
          () => steadily(STEADY, SECONDS, read(client)),
          () => steadily(2 * STEADY, SECONDS, both),
        ],
        [
          `${CLIENTS} callers at once for each server`,
          async () => (await rateOf(CLIENTS, SECONDS, read(client))).calls,
          async () => (await rateOf(2 * CLIENTS, SECONDS, both)).calls,
        ],
      ] as const) {
        const alone: number[] = [];
        const shared: number[] = [];
        for (let round = 0; round < 2 * ROUNDS + 1; round += 1) {
          alone.push(await cost(one));
          shared.push(await cost(two));
        }
        // side by side, because the machine's speed wanders
        const change = median(shared.map((cpu, round) => cpu / (alone[round] ?? Number.NaN))) - 1;
        print(
          `CPU seconds per 1,000 reads ${kind}, ${load}, one server, then two`,
          `${median(alone).toFixed(3)}, ${median(shared).toFixed(3)} (${(change * 100).toFixed(1)} %); the same list: ${alike ? 'yes' : 'NO'}`,
          goal('at most 10 % more, the same answers', change <= 0.1 && alike),
        );
      }
    }
  } finally {
    other.close();
    await second.remove();
  }
}

async function idleness(server: TestApiServer): Promise<void> {
  await setTimeout(IDLE_MS);
  const idle = pssMegabytes(server.pid);
  print(`PSS, idle for ${IDLE_MS / 1000} s after its start`, `${idle.toFixed(1)} MB`, goal('120 MB', idle <= 120));
  const before = cpuSeconds(server.pid);
  await setTimeout(5000);
  print('CPU, idle', `${(((cpuSeconds(server.pid) - before) / 5) * 100).toFixed(1)} % of a core`);
}

const server = await TestApiServer.start({ etcdParent: tmpdir(), args: [] });
const client = new LoadClient(server.url, server.credentials('admin', ['system:masters']), 4);
const etcd = server.etcd.client();
try {
  if (isWanted('idle')) await idleness(server);
  for (const namespace of ['bench', 'many']) {
    const body = Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }));
    expectStatus(await client.request('POST', '/api/v1/namespaces', headers('json'), body), 201);
    // no controller makes it here
    const account = Buffer.from(
      JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }),
    );
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    expectStatus(await client.request('POST', path, headers('json'), account), 201);
  }
  if (isWanted('creates')) await creates(server, client, etcd);
  for (const plural of ['pods', 'configmaps'])
    expectStatus(
      await client.request('DELETE', `/api/v1/namespaces/bench/${plural}?gracePeriodSeconds=0`, headers('json')),
      200,
    );
  await fill(client);
  if (isWanted('reads')) await reads(server, client, etcd);
  if (isWanted('updates')) await updates(server, client);
  if (isWanted('fan-out')) await fanOut(server, client);
  if (isWanted('second-server')) await secondServer(server, client);
  await setTimeout(Math.min(IDLE_MS, 10_000));
  print(`PSS with ${PODS} pods after all that`, `${pssMegabytes(server.pid).toFixed(1)} MB`);
} finally {
  etcd.close();
  client.close();
  await server.remove();
}
console.log(
  [
    '### The API server beside etcd',
    '',
    '| what | figure | goal |',
    '| --- | --- | --- |',
    ...lines.map(line => `| ${line.what} | ${line.figure} | ${line.goal ?? ''} |`),
    '',
  ].join('\n'),
);
