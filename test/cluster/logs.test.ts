import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { kubectl120, suiteOf } from '../harness/kubectl.ts';
import { waitFor } from '../harness/wait-for.ts';

const PATIENCE = '--timeout=140s';
const OLD = suiteOf(kubectl120());

describe('kubectl logs', { timeout: 300_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const logs = (words: string): Promise<string> => kubectl.ok(`logs ${words}`);
  const lines = async (words: string): Promise<string[]> => (await logs(words)).split('\n');

  beforeAll(async () => {
    await cluster.create();
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.given(WORKLOAD).ok('apply -f -');
    await Promise.all([
      kubectl.ok(`wait deployment/many --for=condition=Available ${PATIENCE}`),
      kubectl.ok(`wait job/batch --for=condition=Complete ${PATIENCE}`),
      kubectl.ok(`wait pod/plain pod/pair --for=jsonpath={.status.phase}=Succeeded ${PATIENCE}`),
      kubectl.ok(`wait pod/crashing --for=jsonpath={.status.containerStatuses[0].restartCount}=1 ${PATIENCE}`),
      kubectl.ok(`wait pod/retried --for=jsonpath={.status.phase}=Succeeded ${PATIENCE}`),
    ]);
  });
  afterAll(() => cluster.delete());

  it.each([
    ['', 'one\ntwo\nthree\nfour'],
    ['--tail=2', 'three\nfour'],
    ['--tail=0', ''],
    ['--tail=-1', 'one\ntwo\nthree\nfour'],
    ['--limit-bytes=6', 'one\ntw'],
    ['--tail=2 --limit-bytes=7', 'three\nf'],
    ['--since=1h', 'one\ntwo\nthree\nfour'],
    ['--since=1h --tail=1', 'four'],
    ['--since-time=2100-01-01T00:00:00Z', ''],
    ['-f', 'one\ntwo\nthree\nfour'],
    ['--container=plain', 'one\ntwo\nthree\nfour'],
    ['--prefix --tail=1', '[pod/plain/plain] four'],
  ])('of a pod that has ended, with %j', async (flags, wanted) => {
    expect(await logs(`plain ${flags}`)).toBe(wanted);
  });

  it('from a time on, by the second', async () => {
    const stamped = await lines('plain --timestamps');
    expect(stamped.map(line => line.split(' ')[1])).toEqual(['one', 'two', 'three', 'four']);
    const times = stamped.map(line => line.split(' ')[0] ?? '');
    expect(times).toEqual(times.toSorted());
    expect(times[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)$/);
    // clients tell a time in whole seconds
    expect(await logs(`plain --since-time=${times[2]}`)).toBe('three\nfour');
    await waitFor('the pod to have been silent for a second', async () => (await logs('plain --since=1s')) === '');
  });

  it('of several containers: the one that is asked for, that of the annotation, or all of them', async () => {
    expect(await logs('pair -c init')).toBe('from init');
    expect(await logs('pair')).toBe('from b');
    const all = ['from a', 'from b', 'from init'];
    expect((await lines('pair --all-containers')).toSorted()).toEqual(all);
    expect((await lines('pair --all-containers --prefix')).toSorted()).toEqual(
      all.map(line => `[pod/pair/${line.slice(5)}] ${line}`),
    );
    expect(await kubectl.fails('logs pair -c none')).toMatch(/container none is not valid for pod pair/);
  });

  it('of all pods of a label, and of those of a Deployment', async () => {
    expect(await logs('-l app=many --tail=1')).toBe('serving\nserving\nserving');
    expect(await logs('-l app=many --tail=-1 --prefix')).toMatch(/^(\[pod\/many-\S+\/web\] (serving|more)\n?){6}$/);
    const one = await kubectl.run('logs deployment/many --tail=1');
    expect(one).toMatchObject({ out: 'serving', err: expect.stringMatching(/^Found 3 pods, using pod\/many-/) });
    expect(await logs('deployment/many --all-pods --tail=1')).toMatch(/^(\[pod\/many-\S+\/web\] serving\n?){3}$/);
    expect(await logs('job/batch')).toBe('done');
    expect(await kubectl.fails('logs deployment/none')).toBe(
      'error: error from server (NotFound): deployments.apps "none" not found in namespace "default"',
    );
  });

  it('follows several at once, as many as it may', async () => {
    expect(await kubectl.fails('logs -f -l app=many --max-log-requests=2')).toBe(
      'error: you are attempting to follow 3 log streams, but maximum allowed concurrency is 2, use --max-log-requests to increase the limit',
    );
    const follower = kubectl.background('logs -f -l app=many --prefix --tail=1');
    await waitFor('a line of each', () => follower.seen().split('\n').length === 4);
    await kubectl.ok('scale deployment many --replicas=0');
    expect(await follower.done()).toBe(0);
    expect(follower.seen().match(/\] ending$/gm)).toHaveLength(3);
  });

  it('of the run before, where there was one', async () => {
    expect(await logs('crashing --previous')).toBe('run 1');
    expect(await logs('crashing -f --previous')).toBe('run 1');
    expect(await kubectl.fails('logs plain --previous')).toBe(
      'Error from server (BadRequest): previous terminated container "plain" in pod "plain" not found',
    );
  });

  it('keeps of a container that has ended for good the last run alone, as upstream', async () => {
    expect(await logs('retried')).toBe('run 2');
    const told = await waitFor('the run before to be removed', async saw => {
      const { err } = await kubectl.run('logs retried --previous');
      saw(err);
      return err;
    });
    expect(told).toMatch(/unable to retrieve container logs for gantry:\/\/[0-9a-f]{64}/);
  });

  it('has lines whole that are longer than the runtime writes at once, and what is no text', async () => {
    const pieces = await logs('odd');
    const [long = '', ...rest] = pieces.split('\n');
    expect(long).toBe('x'.repeat(40_000));
    expect(rest).toEqual(['', '\u0001\u0002 é', 'no end of line']);
  });

  it('tells that there is none yet', async () => {
    await kubectl.ok('run waiting --image=localhost/none:1 --image-pull-policy=Never');
    await waitFor('the reason', async saw => {
      const { err } = await kubectl.run('logs waiting');
      saw(err);
      return (
        err ===
        'Error from server (BadRequest): container "waiting" in pod "waiting" is waiting to start: ErrImageNeverPull'
      );
    });
  });

  describe.skipIf(OLD.skipped)(`by kubectl 1.20 ${OLD.title}`, () => {
    it.each([
      ['plain --tail=2 --timestamps=false', 'three\nfour'],
      ['plain --limit-bytes=6', 'one\ntw'],
      ['-f plain --since=1h', 'one\ntwo\nthree\nfour'],
      ['pair -c init --prefix', '[pod/pair/init] from init'],
      ['crashing --previous', 'run 1'],
      ['job/batch', 'done'],
    ])('shows %s', async (words, wanted) => {
      expect(await kubectl.with(OLD.path).ok(`logs ${words}`)).toBe(wanted);
    });
  });
});

function pod(name: string, script: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [container(name, script)], restartPolicy: 'Never', ...spec },
  };
}

function container(name: string, script: string): object {
  return { name, image: BUSYBOX, command: ['sh', '-c', script], volumeMounts: [] };
}

/** The second run of a container says so, by a file that outlives the first. */
const COUNTED = 'echo x >> /kept/runs; n=$(wc -l < /kept/runs); echo run $n;';
const kept = (name: string, end: string, restartPolicy: string): object =>
  pod(name, '', {
    restartPolicy,
    volumes: [{ name: 'kept', emptyDir: {} }],
    containers: [
      {
        name,
        image: BUSYBOX,
        command: ['sh', '-c', `${COUNTED} ${end}`],
        volumeMounts: [{ name: 'kept', mountPath: '/kept' }],
      },
    ],
  });

const WORKLOAD = [
  pod('plain', 'echo one; echo two; sleep 1.1; echo three; echo four'),
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'pair', annotations: { 'kubectl.kubernetes.io/default-container': 'b' } },
    spec: {
      restartPolicy: 'Never',
      initContainers: [container('init', 'echo from init')],
      containers: [container('a', 'echo from a'), container('b', 'echo from b >&2')],
    },
  },
  kept('crashing', '[ $n = 1 ] && exit 1; sleep 3600', 'Always'),
  kept('retried', '[ $n = 2 ]', 'OnFailure'),
  pod('odd', "head -c 40000 /dev/zero | tr '\\0' x; printf '\\n\\n\\001\\002 é\\nno end of line'"),
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'batch' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [container('c', 'echo done')] } } },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'many' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'many' } },
      template: {
        metadata: { labels: { app: 'many' } },
        spec: {
          containers: [
            container('web', 'trap "echo ending; exit" TERM; echo more; echo serving; while :; do sleep 0.1; done'),
          ],
        },
      },
    },
  },
];
