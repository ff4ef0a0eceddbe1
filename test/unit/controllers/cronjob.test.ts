import { describe, expect, it } from 'vitest';
import { timeOf } from '../../../src/api/time.ts';
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '../../../src/api/types/gen/batch-v1.ts';
import { notFound } from '../../../src/base/errors.ts';
import { planCronJob } from '../../../src/controllers/cronjob/plan.ts';
import { unseenJobs, withStatusOfNow } from '../../../src/controllers/cronjob/unseen-jobs.ts';

const TEN = Date.parse('2026-03-01T10:00:00Z');
const MINUTE = 60_000;

const cronJob = (spec: Partial<CronJobSpec> = {}, status: Partial<CronJobStatus> = {}): CronJob =>
  ({
    metadata: { name: 'tick', namespace: 'n', uid: 'c', creationTimestamp: timeOf(TEN - 30_000) },
    spec: {
      schedule: '*/5 * * * *',
      jobTemplate: { metadata: { labels: { app: 'tick' } }, spec: { template: {} } },
      ...spec,
    },
    status,
  }) as unknown as CronJob;

const job = (name: string, outcome?: 'Complete' | 'Failed', startedMs = TEN): Job =>
  ({
    metadata: { name, namespace: 'n', uid: name },
    spec: {},
    status: {
      startTime: timeOf(startedMs),
      ...(outcome === undefined
        ? {}
        : { conditions: [{ type: outcome, status: 'True' }], completionTime: timeOf(startedMs + 1000) }),
    },
  }) as unknown as Job;

const plan = (given: CronJob, jobs: readonly Job[] = [], now = TEN) =>
  planCronJob({ cronJob: given, jobs, now, timeOf, localZone: 'UTC' });
const reasons = (given: ReturnType<typeof plan>): string[] => given.events.map(each => each.reason);
const active = (...names: string[]) => ({ active: names.map(name => ({ name, uid: name })) }) as Partial<CronJobStatus>;

describe('a cron job', () => {
  it('makes a job when its time has come, by a name that follows from the time', () => {
    const { create, againInMs } = plan(cronJob());
    expect(create).toMatchObject({
      metadata: {
        name: `tick-${TEN / MINUTE}`,
        namespace: 'n',
        labels: { app: 'tick' },
        annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-03-01T10:00:00Z' },
        ownerReferences: [{ kind: 'CronJob', name: 'tick', uid: 'c', controller: true }],
      },
      spec: { template: {} },
    });
    expect(againInMs).toBe(5 * MINUTE);
  });

  it('waits for its time', () => {
    const { create, againInMs } = plan(cronJob(), [], TEN - 10_000);
    expect([create, againInMs]).toEqual([undefined, 10_000]);
  });

  it.each([
    ['has been made', { lastScheduleTime: timeOf(TEN) }],
    ['runs', active(`tick-${TEN / MINUTE}`)],
  ])('makes none for a time whose job %s', (_, status) => {
    expect(plan(cronJob({}, status as Partial<CronJobStatus>), [job(`tick-${TEN / MINUTE}`)]).create).toBeUndefined();
  });

  it('makes up for the last of several that were missed, and tells when they are many', () => {
    const given = cronJob({}, { lastScheduleTime: timeOf(TEN) });
    const some = plan(given, [], TEN + 23 * MINUTE);
    expect([some.create?.metadata.name, reasons(some)]).toEqual([`tick-${TEN / MINUTE + 20}`, []]);
    const many = plan(given, [], TEN + 10_001 * 5 * MINUTE);
    expect([many.create?.metadata.name, reasons(many)]).toEqual([
      `tick-${TEN / MINUTE + 50_005}`,
      ['TooManyMissedTimes'],
    ]);
  });

  it('makes none that is too late, by its deadline', () => {
    const given = cronJob({ startingDeadlineSeconds: 60 });
    expect(plan(given, [], TEN + 2 * MINUTE).create).toBeUndefined();
    expect(plan(given, [], TEN + MINUTE / 2).create).toBeDefined();
  });

  it.each([
    ['Allow', true, [], []],
    ['Forbid', false, [], ['JobAlreadyActive']],
    ['Replace', true, ['old'], []],
  ] as const)('with one that still runs under %s', (concurrencyPolicy, makes, removed, events) => {
    const result = plan(cronJob({ concurrencyPolicy }, active('old')), [job('old')]);
    expect([result.create !== undefined, result.remove.map(each => each.job.metadata.name), reasons(result)]).toEqual([
      makes,
      removed,
      events,
    ]);
  });

  it('does nothing while it is suspended, or being deleted', () => {
    const deleted = { ...cronJob(), metadata: { ...cronJob().metadata, deletionTimestamp: timeOf(TEN) } };
    for (const given of [cronJob({ suspend: true }), deleted])
      expect(plan(given)).toMatchObject({ create: undefined, againInMs: undefined });
  });

  it('goes by the clocks of its zone', () => {
    const given = cronJob({ schedule: '0 11 * * *', timeZone: 'Europe/Berlin' });
    expect(plan(given).create?.metadata.name).toBe(`tick-${TEN / MINUTE}`);
  });

  it.each([
    ['a zone that there is not', { timeZone: 'Nowhere/City' }, 'UnknownTimeZone'],
    ['a schedule that cannot be read', { schedule: 'often' }, 'UnparseableSchedule'],
  ])('tells of %s, and waits', (_, spec, reason) => {
    const result = plan(cronJob(spec));
    expect([reasons(result), result.create]).toEqual([[reason], undefined]);
  });

  it('tells of jobs that ended, went or are not its own doing, and when one succeeded last', () => {
    const jobs = [job('done', 'Complete', TEN - 5_000), job('bad', 'Failed'), job('strange'), job('going')];
    const result = plan(cronJob({ suspend: true }, active('done', 'bad', 'lost', 'going')), jobs);
    expect(reasons(result).sort()).toEqual(['MissingJob', 'SawCompletedJob', 'SawCompletedJob', 'UnexpectedJob']);
    expect(result.status).toEqual({
      active: [{ name: 'going', uid: 'going' }],
      lastSuccessfulTime: timeOf(TEN - 4_000),
    });
  });

  it('keeps as many that have ended as it is to, the newest', () => {
    const jobs = [1, 2, 3, 4, 5].flatMap(i => [
      job(`good-${i}`, 'Complete', TEN + i * 1000),
      job(`bad-${i}`, 'Failed', TEN + i * 1000),
    ]);
    const { remove } = plan(cronJob({ suspend: true }), jobs);
    expect(remove.map(each => each.job.metadata.name)).toEqual([
      'good-2',
      'good-1',
      'bad-4',
      'bad-3',
      'bad-2',
      'bad-1',
    ]);
    expect(plan(cronJob({ suspend: true, successfulJobsHistoryLimit: 0 }), jobs).remove.length).toBe(9);
  });

  it('takes those that began in one second in the order of their names', () => {
    const jobs = ['b', 'c', 'a'].map(name => job(name, 'Complete', TEN));
    const { remove } = plan(cronJob({ suspend: true, successfulJobsHistoryLimit: 1 }), jobs);
    expect(remove.map(each => each.job.metadata.name)).toEqual(['b', 'a']);
  });
});

describe('active jobs that the store does not have', () => {
  const references = (...names: string[]) => active(...names).active ?? [];
  const server = (...jobs: Job[]) => {
    const asked: string[] = [];
    const get = async (name: string): Promise<Job> => {
      asked.push(name);
      const found = jobs.find(({ metadata }) => metadata.name === name);
      if (found === undefined) throw notFound(`jobs.batch "${name}" not found`);
      return found;
    };
    return { asked, get };
  };

  it('are asked for, and are not missing when they are there', async () => {
    const { asked, get } = server(job('a'), job('b'));
    const unseen = await unseenJobs(references('a', 'b', 'gone'), [job('a')], get);
    expect([unseen.map(({ metadata }) => metadata.name), asked]).toEqual([['b'], ['b', 'gone']]);
    const jobs = [job('a'), ...unseen];
    expect(reasons(plan(cronJob({ concurrencyPolicy: 'Forbid' }, active('a', 'b')), jobs))).toEqual([
      'JobAlreadyActive',
    ]);
  });

  it('are missing when another has their name', async () => {
    const another = { ...job('a'), metadata: { name: 'a', uid: 'another' } } as Job;
    expect(await unseenJobs(references('a'), [], server(another).get)).toEqual([]);
  });

  it('are not missing only because the server does not answer', async () => {
    const broken = async (): Promise<Job> => {
      throw new Error('connection refused');
    };
    await expect(unseenJobs(references('a'), [], broken)).rejects.toThrow('connection refused');
  });
});

describe('a job that runs and that the status in the store does not name', () => {
  const never = async (): Promise<CronJob> => {
    throw new Error('nobody is asked');
  };

  it('is no stranger where the API server has it in the status', async () => {
    const behind = cronJob({}, active('a'));
    const now = cronJob({}, active('a', 'b'));
    const jobs = [job('a'), job('b')];
    expect(reasons(plan(behind, jobs))).toContain('UnexpectedJob');
    const known = await withStatusOfNow(behind, jobs, async () => now);
    expect(known).toBe(now);
    expect(reasons(plan(now, jobs))).not.toContain('UnexpectedJob');
  });

  it('is the only reason to ask', async () => {
    const given = cronJob({}, active('a'));
    expect(await withStatusOfNow(given, [job('a'), job('done', 'Complete')], never)).toBe(given);
  });

  it('belongs to none where the cron job is gone, or another has its name', async () => {
    const given = cronJob();
    const gone = async (): Promise<CronJob> => {
      throw notFound('cronjobs "tick" not found');
    };
    expect(await withStatusOfNow(given, [job('a')], gone)).toBeUndefined();
    const another = { ...given, metadata: { ...given.metadata, uid: 'another' } };
    expect(await withStatusOfNow(given, [job('a')], async () => another)).toBeUndefined();
  });
});
