import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Works until it is told to end. */
const FOREVER = "trap 'exit 143' TERM; sleep 1000000 & wait";

function template(command: string, pod: object = {}, container: object = {}): object {
  return {
    spec: {
      restartPolicy: 'Never',
      containers: [{ name: 'c', image: BUSYBOX, command: ['sh', '-c', command], ...container }],
      ...pod,
    },
  };
}

function job(name: string, spec: object, pod: object): object {
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: { ...spec, template: pod } };
}

function cronJob(name: string, spec: object, command: string): object {
  const jobTemplate = { spec: { template: template(command) } };
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name },
    spec: { schedule: '* * * * *', jobTemplate, ...spec },
  };
}

const JOBS = [
  job('plain', { completions: 5, parallelism: 2 }, template('echo done; sleep 0.3')),
  job('failing', { backoffLimit: 1 }, template('echo broken; exit 3')),
  job(
    'second-try',
    { backoffLimit: 4 },
    template(
      '[ -e /kept/tried ] || { touch /kept/tried; exit 1; }; echo again',
      { restartPolicy: 'OnFailure', volumes: [{ name: 'kept', emptyDir: {} }] },
      { volumeMounts: [{ name: 'kept', mountPath: '/kept' }] },
    ),
  ),
  job(
    'indexed',
    { completions: 3, parallelism: 3, completionMode: 'Indexed' },
    template('echo "$JOB_COMPLETION_INDEX of $(hostname)"'),
  ),
  job('late', { activeDeadlineSeconds: 1 }, template(FOREVER)),
  job(
    'hopeless',
    { podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] } },
    template('exit 42'),
  ),
  job('swept', { ttlSecondsAfterFinished: 1 }, template('true')),
  job('held', { suspend: true, parallelism: 2, completions: 2 }, template(FOREVER)),
];

const CRON_JOBS = [
  cronJob('tick', {}, 'echo tick'),
  cronJob('paused', { suspend: true }, 'echo never'),
  cronJob(
    'by-hand',
    { schedule: '0 0 1 1 *', successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 },
    'echo by hand',
  ),
  cronJob('allow', { concurrencyPolicy: 'Allow' }, FOREVER),
  cronJob('forbid', { concurrencyPolicy: 'Forbid' }, FOREVER),
  cronJob('replace', { concurrencyPolicy: 'Replace' }, FOREVER),
];

describe('jobs on two nodes', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();

  let counts: ReturnType<typeof kubectl.background> | undefined;
  const first: Record<string, string> = {};

  const words = async (command: string, path: string): Promise<string[]> =>
    (await kubectl.ok(`${command} -o`, `jsonpath=${path}`)).split(' ').filter(word => word !== '');
  const podsOf = (name: string): Promise<string[]> =>
    words(`get pods -l batch.kubernetes.io/job-name=${name}`, '{.items[*].metadata.name}');
  const status = (name: string, path: string): Promise<string> =>
    kubectl.ok(`get job ${name} -o`, `jsonpath={.status${path}}`);
  const jobsOf = async (cron: string): Promise<string[]> =>
    (await words('get jobs', `{.items[?(@.metadata.ownerReferences[0].name=="${cron}")].metadata.name}`)).toSorted();
  const completes = (...names: readonly string[]): Promise<string> =>
    kubectl.ok('wait --for=condition=Complete --timeout=50s', ...names.map(name => `job/${name}`));
  const fails = (name: string): Promise<string> => kubectl.ok(`wait --for=condition=Failed --timeout=50s job/${name}`);
  const failure = (name: string): Promise<string> =>
    kubectl.ok(
      `get job ${name} -o`,
      'jsonpath={range .status.conditions[?(@.type=="Failed")]}{.reason}: {.message}{end}',
    );
  const event = (name: string, reason: string): Promise<string> =>
    waitFor(
      `an event ${reason} of ${name}`,
      async () =>
        (await kubectl.ok(
          `get events --field-selector involvedObject.name=${name},reason=${reason} -o`,
          'jsonpath={.items[0].message}',
        )) || undefined,
    );

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.given(CRON_JOBS).ok('apply -f -');
    counts = kubectl.background(
      'get job --field-selector metadata.name=plain --watch -o',
      'jsonpath={.status.active}/{.status.succeeded} ',
    );
    await kubectl.given(JOBS).ok('apply -f -');
    // as if the controller had been away for three minutes: the last run is made up for, and goes on when the next is due
    const lastScheduleTime = `${new Date(Date.now() - 180_000).toISOString().slice(0, 17)}00Z`;
    for (const name of ['allow', 'forbid', 'replace']) {
      await kubectl.ok(
        `patch cronjob ${name} --subresource=status --type=merge -p`,
        JSON.stringify({ status: { lastScheduleTime } }),
      );
      first[name] = await waitFor(`the missed job of ${name}`, async () => (await jobsOf(name))[0]);
    }
  });
  afterAll(async () => {
    await counts?.end();
    await cluster.delete();
  });

  it('run as many pods as wanted, no more at once than allowed', async () => {
    await completes('plain');
    expect(await kubectl.ok('get job plain')).toMatch(/plain +Complete +5\/5 /);
    expect(await podsOf('plain')).toHaveLength(5);
    expect(await kubectl.ok('logs job/plain --all-pods')).toMatch(/^(\[pod\/plain-\w+\/c\] done\n?){5}$/);
    const seen = await waitFor('the watch to have seen the last', () => counts?.seen().match(/^(.*)\/5 /s)?.[0]);
    const numbers = seen.split(' ').map(each => Number(each.split('/')[0]));
    expect(Math.max(...numbers)).toBeLessThanOrEqual(2);
  });

  it('give each pod of an indexed one its number, by variable and by name', async () => {
    await completes('indexed');
    const logs = await kubectl.ok('logs -l batch.kubernetes.io/job-name=indexed');
    expect(logs.split('\n').toSorted()).toEqual(['0 of indexed-0', '1 of indexed-1', '2 of indexed-2']);
    expect(await status('indexed', '.completedIndexes')).toBe('0-2');
  });

  it('try again in the same pod with OnFailure', async () => {
    await completes('second-try');
    const [name = '', ...more] = await podsOf('second-try');
    expect(more).toEqual([]);
    expect(
      await kubectl.ok(
        `get pod ${name} -o`,
        'jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].lastState.terminated.exitCode}',
      ),
    ).toBe('1 1');
    expect(await kubectl.ok(`logs ${name}`)).toBe('again');
  });

  it('are ended by their time, and their pods with them', async () => {
    await fails('late');
    expect(await failure('late')).toBe('DeadlineExceeded: Job was active longer than specified deadline');
    await waitFor('no pod to be left', async () => (await podsOf('late')).length === 0);
  });

  it('fail at once with an exit code that their policy names', async () => {
    await fails('hopeless');
    const [name = ''] = await podsOf('hopeless');
    expect(await failure('hopeless')).toBe(
      `PodFailurePolicy: Container c for pod default/${name} failed with exit code 42 matching FailJob rule at index 0`,
    );
  });

  it('are swept away when their time after the end is over', async () => {
    await kubectl.ok('wait --for=delete job/swept --timeout=30s');
    await waitFor('its pod to go with it', async () => (await podsOf('swept')).length === 0);
  });

  it('begin when they are not suspended any more, and end their pods when they are again', async () => {
    expect(await kubectl.ok('get job held')).toMatch(/held +Suspended +0\/2 /);
    expect(await podsOf('held')).toEqual([]);
    await kubectl.ok('patch job held -p', '{"spec":{"suspend":false}}');
    await waitFor('both pods to work', async () => (await status('held', '.ready')) === '2');
    expect(await event('held', 'Resumed')).toBe('Job resumed');
    await kubectl.ok('patch job held -p', '{"spec":{"suspend":true}}');
    await kubectl.ok('wait --for=condition=Suspended job/held --timeout=30s');
    await waitFor('its pods to be gone', async () => (await podsOf('held')).length === 0);
    expect(await status('held', '.failed')).toBe('');
  });

  it('fail when enough of their pods did, with a pause in between', async () => {
    await fails('failing');
    expect(await failure('failing')).toBe('BackoffLimitExceeded: Job has reached the specified backoff limit');
    expect(await event('failing', 'BackoffLimitExceeded')).toBe('Job has reached the specified backoff limit');
    const times = await words('get pods -l job-name=failing', '{.items[*].metadata.creationTimestamp}');
    const [one = 0, two = 0, ...more] = times.map(time => Date.parse(time)).toSorted((a, b) => a - b);
    expect(more).toEqual([]);
    expect(two - one).toBeGreaterThanOrEqual(10_000);
    expect(await kubectl.ok('get pods -l job-name=failing')).toMatch(/(failing-\w+ +0\/1 +Error .*\n?){2}/);
  });

  it('take their pods with them when they are deleted', async () => {
    await kubectl.ok('delete job plain');
    await waitFor('its pods to go', async () => (await podsOf('plain')).length === 0);
  });

  it('come from a cron job by hand, of which its history keeps the last', async () => {
    for (const name of ['one', 'two']) {
      await kubectl.ok(`create job ${name} --from=cronjob/by-hand`);
      await completes(name);
    }
    await waitFor('the first to be removed', async saw => {
      const names = await jobsOf('by-hand');
      saw(names);
      return names.join() === 'two';
    });
    expect(await kubectl.ok('logs job/two')).toBe('by hand');
    expect(
      await kubectl.ok('get job two -o', 'jsonpath={.metadata.annotations.cronjob\\.kubernetes\\.io/instantiate}'),
    ).toBe('manual');
  });

  it('come from a cron job on the minute', async () => {
    const [name = ''] = await waitFor(
      'the minute',
      async () => {
        const names = await jobsOf('tick');
        return names.length > 0 ? names : undefined;
      },
      { timeoutMs: 90_000 },
    );
    await completes(name);
    expect(await kubectl.ok(`logs job/${name}`)).toBe('tick');
    const [due = '', made = ''] = await words(
      `get job ${name}`,
      '{.metadata.annotations.batch\\.kubernetes\\.io/cronjob-scheduled-timestamp} {.metadata.creationTimestamp}',
    );
    expect(due).toMatch(/:00Z$/);
    expect(name).toBe(`tick-${Date.parse(due) / 60_000}`);
    expect(Date.parse(made)).toBeGreaterThanOrEqual(Date.parse(due));
    expect(await event('tick', 'SuccessfulCreate')).toBe(`Created job ${name}`);
    expect(await kubectl.ok('get cronjob tick')).toMatch(/^tick +\* \* \* \* \* +<none> +False +\d +\d+s /m);
  });

  it('run side by side where the policy allows it', async () => {
    const names = await waitFor('the second', async () => {
      const all = await jobsOf('allow');
      return all.length > 1 ? all : undefined;
    });
    expect(names).toContain(first['allow']);
    expect((await words('get cronjob allow', '{.status.active[*].name}')).length).toBeGreaterThan(1);
  });

  it('are not begun where the policy forbids it while one works', async () => {
    expect(await event('forbid', 'JobAlreadyActive')).toBe(
      'Not starting job because prior execution is running and concurrency policy is Forbid',
    );
    expect(await jobsOf('forbid')).toEqual([first['forbid']]);
  });

  it('take the place of one that works where the policy says so', async () => {
    await waitFor('another in place of the first', async saw => {
      const names = await jobsOf('replace');
      saw(names);
      return names.length === 1 && names[0] !== first['replace'];
    });
    expect(await event('replace', 'SuccessfulDelete')).toBe(`Deleted job ${first['replace']}`);
  });

  it('do not come from a cron job that is suspended', async () => {
    expect(await jobsOf('paused')).toEqual([]);
    expect(await kubectl.ok('get cronjob paused')).toMatch(/^paused +\* \* \* \* \* +<none> +True +0 +<none> /m);
  });
});
