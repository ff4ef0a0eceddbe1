import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job, JobSpec } from '../../../src/api/types/gen/batch-v1.ts';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import { type Backoff, NO_BACKOFF } from '../../../src/controllers/job/facts.ts';
import { judgeFailure } from '../../../src/controllers/job/failure-policy.ts';
import { Indexes } from '../../../src/controllers/job/indexes.ts';
import { backoffLeftMs, finishedAt, isTracked, newPod } from '../../../src/controllers/job/job-pods.ts';
import { planJob } from '../../../src/controllers/job/plan.ts';
import { seededRandom } from '../../harness/random.ts';

const START = Date.UTC(2030, 0, 1);
const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function job(spec: Partial<JobSpec> = {}): Job {
  return {
    metadata: { name: 'sum', namespace: 'n', uid: 'j' },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      template: { metadata: { labels: { app: 'sum' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] } },
      ...spec,
    },
    status: {},
  } as unknown as Job;
}

/** The API server and nodes, as far as a job sees them. */
class World {
  job: Job;
  pods: readonly Pod[] = [];
  now = START;
  backoff: Backoff = NO_BACKOFF;
  readonly events: string[] = [];
  /** Every pod that ended while it was to be counted, by how. */
  readonly ended = { succeeded: 0, failed: 0 };
  #made = 0;

  constructor(given: Job) {
    this.job = given;
  }

  /** One plan carried out; what it did, in words. */
  step(): string[] {
    const { job: own, pods, backoff, now } = this;
    const plan = planJob({ job: own, pods, released: new Set(), backoff, now, nowText: time(now) });
    const done: string[] = [];
    for (const pod of plan.remove) {
      const finalizers = plan.dismiss.includes(pod) ? [] : pod.metadata.finalizers;
      this.change(pod, { metadata: { ...pod.metadata, finalizers, deletionTimestamp: time(now) } });
      done.push(`remove ${pod.metadata.name}`);
    }
    for (const { template, prefix } of plan.create) {
      const name = `${prefix}${this.#made++}`;
      const metadata = { ...template.metadata, name, namespace: 'n', uid: name, creationTimestamp: time(now) };
      this.pods = [...this.pods, { metadata, spec: template.spec, status: { phase: 'Running' } } as unknown as Pod];
      done.push(`create ${name}`);
    }
    if (JSON.stringify(plan.status) !== JSON.stringify(own.status)) {
      this.job = { ...own, status: plan.status };
      done.push('tell');
      this.events.push(...plan.events.map(each => each.reason));
    }
    this.backoff = plan.backoff;
    for (const pod of plan.release) {
      const seen = this.pods.find(each => each.metadata.uid === pod.metadata.uid) ?? pod;
      this.change(seen, { metadata: { ...seen.metadata, finalizers: [] } });
      done.push(`release ${pod.metadata.name}`);
    }
    this.pods = this.pods.filter(
      pod => isTracked(pod) || pod.metadata.deletionTimestamp === undefined || pod.status.phase === 'Running',
    );
    return done;
  }

  change(pod: Pod, to: object): void {
    this.pods = this.pods.map(each => (each.metadata.uid === pod.metadata.uid ? ({ ...each, ...to } as Pod) : each));
  }

  /** A pod that runs ends so. */
  end(name: string, phase: 'Succeeded' | 'Failed', more: object = {}): void {
    const pod = this.pods.find(each => each.metadata.name === name && each.status.phase === 'Running');
    if (pod === undefined) return;
    if (isTracked(pod)) this.ended[phase === 'Succeeded' ? 'succeeded' : 'failed'] += 1;
    const terminated = { exitCode: phase === 'Succeeded' ? 0 : 1, finishedAt: time(this.now) };
    this.change(pod, {
      status: { phase, containerStatuses: [{ name: 'c', restartCount: 0, state: { terminated } }], ...more },
    });
  }

  /** Those on their way out have ended. */
  sweep(): void {
    for (const pod of this.pods)
      if (pod.metadata.deletionTimestamp !== undefined) this.end(pod.metadata.name ?? '', 'Failed');
  }

  settle(): string[] {
    const done: string[] = [];
    for (let i = 0; i < 50; i += 1) {
      const step = this.step();
      if (step.length === 0 || this.outcome() !== undefined) return done;
      done.push(...step);
    }
    throw new Error(`not settled: ${done.join(', ')}`);
  }

  running(): string[] {
    return this.pods
      .filter(pod => pod.status.phase === 'Running' && pod.metadata.deletionTimestamp === undefined)
      .map(pod => pod.metadata.name ?? '');
  }

  outcome(): string | undefined {
    const end = this.job.status.conditions?.find(each => ['Complete', 'Failed'].includes(each.type));
    return end && `${end.type}: ${end.reason}`;
  }
}

describe('completion indexes', () => {
  it.each([
    ['', 10, ''],
    ['0-3,5,7', 10, '0-3,5,7'],
    ['0,1,2', 10, '0-2'],
    ['0,1', 10, '0,1'],
    ['3-9', 6, '3-5'],
    ['7,8', 6, ''],
    ['x,1,-,2', 6, '1,2'],
  ])('"%s" of %i are "%s"', (text, completions, expected) => {
    expect(Indexes.parse(text, completions).toString()).toBe(expected);
  });

  it('are what a plain set would be', () => {
    const some = fc.uniqueArray(fc.nat(30), { maxLength: 20 });
    fc.assert(
      fc.property(some, some, fc.integer({ min: 1, max: 31 }), fc.nat(10), (a, b, completions, count) => {
        const both = Indexes.of(a).and(Indexes.of(b));
        const model = new Set([...a, ...b]);
        expect(both.size).toBe(model.size);
        expect(Indexes.of(a).common(Indexes.of(b))).toBe(a.filter(each => b.includes(each)).length);
        expect(Indexes.parse(both.toString(), 31).toString()).toBe(both.toString());
        const free = Array.from({ length: completions }, (_, i) => i).filter(i => !model.has(i));
        expect(both.missing(count, completions)).toEqual(free.slice(0, count));
        expect([...model].every(each => both.has(each))).toBe(true);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe('the policy of failures', () => {
  const failed = (exitCode: number, ...conditions: object[]): Pod =>
    ({
      metadata: { name: 'p', namespace: 'n' },
      spec: { containers: [] },
      status: {
        phase: 'Failed',
        conditions,
        containerStatuses: [{ name: 'main', state: { terminated: { exitCode } } }],
      },
    }) as unknown as Pod;
  const rules = [
    { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailIndex', onExitCodes: { containerName: 'other', operator: 'NotIn', values: [1] } },
    { action: 'Count', onExitCodes: { operator: 'NotIn', values: [0, 9] } },
  ];
  const own = job({ podFailurePolicy: { rules } as never });

  it.each([
    [
      'fails the job',
      failed(42),
      {
        action: 'FailJob',
        counts: true,
        failsJob: 'Container main for pod n/p failed with exit code 42 matching FailJob rule at index 0',
      },
    ],
    [
      'lets a disruption pass',
      failed(1, { type: 'DisruptionTarget', status: 'True' }),
      { action: 'Ignore', counts: false },
    ],
    ['counts', failed(1), { action: 'Count', counts: true }],
    ['counts where no rule fits', failed(9), { action: undefined, counts: true }],
  ])('%s', (_, pod, expected) => {
    expect(judgeFailure(own, pod)).toMatchObject(expected);
  });

  it('says by which condition the job fails', () => {
    const policy = {
      rules: [{ action: 'FailJob', onPodConditions: [{ type: 'ConfigIssue', status: 'True' }] }],
    } as never;
    expect(
      judgeFailure(job({ podFailurePolicy: policy }), failed(1, { type: 'ConfigIssue', status: 'True' })).failsJob,
    ).toBe('Pod n/p has condition ConfigIssue matching FailJob rule at index 0');
  });
});

describe('pods of a job', () => {
  it('carry the finalizer by which they are counted', () => {
    expect(newPod(job(), undefined, undefined)).toMatchObject({
      prefix: 'sum-',
      template: { metadata: { finalizers: ['batch.kubernetes.io/job-tracking'] } },
    });
  });

  it('have their index as name, host name, label, annotation and variable', () => {
    const { prefix, template } = newPod(job({ completionMode: 'Indexed', completions: 5 }), 3, undefined);
    const mark = { 'batch.kubernetes.io/job-completion-index': '3' };
    expect(prefix).toBe('sum-3-');
    expect(template.metadata).toMatchObject({ labels: { app: 'sum', ...mark }, annotations: mark });
    expect(template.spec.hostname).toBe('sum-3');
    expect(template.spec.containers[0]?.env?.[0]).toMatchObject({ name: 'JOB_COMPLETION_INDEX' });
  });

  it.each([
    [0, 0],
    [1, 10_000],
    [2, 20_000],
    [6, 320_000],
    [7, 600_000],
    [50, 600_000],
  ])('are made again after %i failures in %i ms', (failures, ms) => {
    expect(backoffLeftMs(failures, START, START)).toBe(ms);
  });

  it('ended when their last container did, else when they ceased to be ready, else when they were deleted', () => {
    const pod = (status: object, metadata: object = {}): Pod =>
      ({ metadata: { creationTimestamp: time(1000), ...metadata }, spec: { containers: [] }, status }) as never;
    const ended = (at: number): object => ({ name: 'c', state: { terminated: { finishedAt: time(at) } } });
    expect(finishedAt(pod({ containerStatuses: [ended(5000), ended(9000)] }))).toBe(9000);
    expect(finishedAt(pod({ conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: time(7000) }] }))).toBe(
      7000,
    );
    expect(finishedAt(pod({}, { deletionTimestamp: time(40_000), deletionGracePeriodSeconds: 30 }))).toBe(10_000);
    expect(finishedAt(pod({}))).toBe(1000);
  });
});

describe('a job', () => {
  it('runs a pod, counts it, and is complete when nothing of it is left to count', () => {
    const world = new World(job());
    expect(world.step()).toEqual(['create sum-0', 'tell']);
    expect(world.job.status.startTime).toBe(time(START));
    world.end('sum-0', 'Succeeded');
    expect(world.settle()).toEqual(['tell', 'release sum-0']);
    expect(world.outcome()).toBe('Complete: CompletionsReached');
    expect(world.job.status).toMatchObject({
      succeeded: 1,
      failed: 0,
      active: 0,
      uncountedTerminatedPods: { succeeded: [], failed: [] },
    });
    expect(world.job.status.completionTime).toBe(time(START));
    expect(world.job.status.conditions?.map(each => each.type)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect(world.events).toEqual(['Completed']);
  });

  it('waits after a failure, longer each time, and not after a success', () => {
    const world = new World(job({ completions: 5 }));
    world.settle();
    const waits: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      world.end(world.running()[0] ?? '', 'Failed');
      world.settle();
      const before = world.now;
      while (world.running().length === 0) {
        world.now += 1_000;
        world.settle();
      }
      waits.push((world.now - before) / 1000);
    }
    world.end(world.running()[0] ?? '', 'Succeeded');
    world.settle();
    expect([waits, world.running().length]).toEqual([[10, 20, 40], 1]);
  });

  it('fails when too many pods have, and ends the others first', () => {
    const world = new World(job({ parallelism: 3, completions: 3, backoffLimit: 0 }));
    world.settle();
    world.end('sum-1', 'Failed');
    world.settle();
    expect(world.outcome()).toBeUndefined();
    expect(world.running()).toEqual([]);
    world.sweep();
    world.settle();
    expect(world.outcome()).toBe('Failed: BackoffLimitExceeded');
    expect(world.job.status).toMatchObject({ failed: 3, terminating: 0 });
    expect(world.events).toEqual(['BackoffLimitExceeded']);
  });

  it('fails when it was active for too long, and says when that will be', () => {
    const world = new World(job({ activeDeadlineSeconds: 60 }));
    world.settle();
    const view = {
      job: world.job,
      pods: world.pods,
      released: new Set<string>(),
      backoff: NO_BACKOFF,
      now: START + 1000,
      nowText: time(START + 1000),
    };
    expect(planJob(view).againInMs).toBe(59_000);
    world.now += 60_000;
    world.settle();
    world.sweep();
    world.settle();
    expect(world.outcome()).toBe('Failed: DeadlineExceeded');
  });

  it('counts containers that are restarted in their pod', () => {
    const world = new World(
      job({
        backoffLimit: 2,
        template: { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'c' }] } } as never,
      }),
    );
    world.settle();
    const [pod] = world.pods;
    if (pod !== undefined)
      world.change(pod, {
        status: { phase: 'Running', containerStatuses: [{ name: 'c', restartCount: 2, state: {} }] },
      });
    world.settle();
    expect(world.job.status.conditions?.map(each => each.reason)).toEqual(['BackoffLimitExceeded']);
  });

  it('is suspended and resumed, and its time begins anew', () => {
    const world = new World(job({ parallelism: 2, completions: 2 }));
    world.settle();
    world.job = { ...world.job, spec: { ...world.job.spec, suspend: true } };
    world.settle();
    expect(world.running()).toEqual([]);
    world.sweep();
    world.settle();
    world.now += 100_000;
    world.job = { ...world.job, spec: { ...world.job.spec, suspend: false } };
    world.settle();
    expect(world.running().length).toBe(2);
    expect(world.job.status.startTime).toBe(time(START + 100_000));
    expect(world.events).toEqual(['Suspended', 'Resumed']);
  });

  it.each([
    ['suspended', { suspend: true }],
    ['made smaller', { parallelism: 0 }],
  ])('that is %s counts no pod as failed that it ends', (_, spec) => {
    const world = new World(job({ parallelism: 2, completions: 2, backoffLimit: 0 }));
    world.settle();
    world.job = { ...world.job, spec: { ...world.job.spec, ...spec } };
    world.settle();
    expect(world.running()).toEqual([]);
    world.sweep();
    world.settle();
    expect(world.job.status).toMatchObject({ failed: 0, terminating: 0 });
    expect([world.pods, world.outcome()]).toEqual([[], undefined]);
  });

  it('counts a pod as failed that somebody else deletes', () => {
    const world = new World(job());
    world.settle();
    const [pod] = world.pods;
    if (pod !== undefined) world.change(pod, { metadata: { ...pod.metadata, deletionTimestamp: time(START) } });
    world.sweep();
    world.settle();
    expect(world.job.status.failed).toBe(1);
  });

  it.each<[string, Partial<JobSpec>]>([
    ['', {}],
    [' of an index', { completionMode: 'Indexed' }],
  ])(
    'lets a pod%s go that it has counted as failed when it was deleted, though it ended well after that',
    (_what, spec) => {
      const world = new World(job(spec));
      world.settle();
      const pod = world.pods[0] as Pod;
      world.change(pod, { metadata: { ...pod.metadata, deletionTimestamp: time(world.now) } });
      expect(world.step()).toContain('tell');
      expect(world.job.status.uncountedTerminatedPods?.failed).toEqual([pod.metadata.uid]);
      world.end(pod.metadata.name ?? '', 'Succeeded');
      world.settle();
      expect(world.pods.map(each => each.metadata.uid)).not.toContain(pod.metadata.uid);
      expect(world.job.status).toMatchObject({ failed: 1, succeeded: 0, uncountedTerminatedPods: { failed: [] } });
    },
  );

  it('that is begun suspended has no start time, and runs nothing', () => {
    const world = new World(job({ suspend: true }));
    world.settle();
    expect([world.pods.length, world.job.status.startTime]).toEqual([0, undefined]);
  });

  it('without a number of completions is complete when one has succeeded and the others have ended', () => {
    const world = new World(job({ parallelism: 3, completions: undefined }));
    world.settle();
    world.end('sum-0', 'Succeeded');
    world.settle();
    expect([world.running().length, world.outcome()]).toEqual([2, undefined]);
    world.end('sum-1', 'Failed');
    world.end('sum-2', 'Succeeded');
    world.settle();
    expect(world.outcome()).toBe('Complete: CompletionsReached');
    expect(world.job.status).toMatchObject({ succeeded: 2, failed: 1 });
  });

  it('replaces pods that are on their way out at once, or only when they have failed', () => {
    for (const [policy, expected] of [
      ['TerminatingOrFailed', 2],
      ['Failed', 1],
    ] as const) {
      const world = new World(job({ podReplacementPolicy: policy }));
      world.settle();
      const [pod] = world.pods;
      if (pod !== undefined) world.change(pod, { metadata: { ...pod.metadata, deletionTimestamp: time(START) } });
      world.now += 60_000;
      world.settle();
      expect(world.pods.length).toBe(expected);
    }
  });

  it('fails by its policy whatever the limit', () => {
    const policy = { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }] } as never;
    const world = new World(job({ podFailurePolicy: policy }));
    world.settle();
    world.end('sum-0', 'Failed');
    world.settle();
    expect(world.outcome()).toBe('Failed: PodFailurePolicy');
  });

  it('lets pods go that it is deleted with', () => {
    const world = new World(job({ parallelism: 2, completions: 2 }));
    world.settle();
    world.job = { ...world.job, metadata: { ...world.job.metadata, deletionTimestamp: time(START) } };
    expect(world.step()).toEqual(['release sum-0', 'release sum-1']);
  });
});

describe('an indexed job', () => {
  const indexed = (spec: Partial<JobSpec>): World =>
    new World(job({ completionMode: 'Indexed', parallelism: 3, completions: 3, ...spec }));

  it('runs each index until it has succeeded', () => {
    const world = indexed({});
    expect(world.step()).toEqual(['create sum-0-0', 'create sum-1-1', 'create sum-2-2', 'tell']);
    world.end('sum-1-1', 'Succeeded');
    world.end('sum-2-2', 'Failed');
    world.settle();
    world.now += 10_000;
    world.settle();
    expect(world.running()).toEqual(['sum-0-0', 'sum-2-3']);
    expect(world.job.status).toMatchObject({ completedIndexes: '1', succeeded: 1, failed: 1 });
    for (const name of world.running()) world.end(name, 'Succeeded');
    world.settle();
    expect(world.outcome()).toBe('Complete: CompletionsReached');
    expect(world.job.status.completedIndexes).toBe('0-2');
  });

  it('ends one of two of the same index', () => {
    const world = indexed({});
    world.settle();
    const twin = world.pods[0];
    if (twin !== undefined)
      world.pods = [...world.pods, { ...twin, metadata: { ...twin.metadata, name: 'twin', uid: 'twin' } } as Pod];
    expect(world.step().filter(each => each.startsWith('remove')).length).toBe(1);
  });

  it('counts failures of each index apart, and ends with those that failed', () => {
    const world = indexed({ backoffLimitPerIndex: 1, backoffLimit: 2_147_483_647 });
    world.settle();
    world.end('sum-0-0', 'Succeeded');
    world.end('sum-1-1', 'Succeeded');
    world.end('sum-2-2', 'Failed');
    world.settle();
    expect(world.pods.some(pod => pod.metadata.name === 'sum-2-2' && isTracked(pod))).toBe(true);
    world.now += 10_000;
    world.settle();
    expect(world.running()).toEqual(['sum-2-3']);
    expect(world.pods.at(-1)?.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']).toBe('1');
    world.end('sum-2-3', 'Failed');
    world.settle();
    expect(world.outcome()).toBe('Failed: FailedIndexes');
    expect(world.job.status).toMatchObject({ completedIndexes: '0,1', failedIndexes: '2', failed: 2, succeeded: 2 });
  });

  it('ends early when too many indexes have failed', () => {
    const world = indexed({ backoffLimitPerIndex: 0, maxFailedIndexes: 0, backoffLimit: 2_147_483_647 });
    world.settle();
    world.end('sum-1-1', 'Failed');
    world.settle();
    world.sweep();
    world.settle();
    expect(world.outcome()).toBe('Failed: MaxFailedIndexesExceeded');
  });

  it.each([
    ['certain indexes', { succeededIndexes: '1-2' }, ['sum-1-1', 'sum-2-2']],
    ['some of certain indexes', { succeededIndexes: '1-2', succeededCount: 1 }, ['sum-2-2']],
    ['so many', { succeededCount: 1 }, ['sum-0-0']],
  ])('is a success by its policy with %s', (_, rule, names) => {
    const world = indexed({ successPolicy: { rules: [rule] } as never });
    world.settle();
    for (const name of names) {
      expect(world.job.status.conditions ?? []).toEqual([]);
      world.end(name, 'Succeeded');
      world.settle();
    }
    expect(world.job.status.conditions?.[0]).toMatchObject({
      type: 'SuccessCriteriaMet',
      reason: 'SuccessPolicy',
      message: 'Matched rules at index 0',
    });
    world.sweep();
    world.settle();
    expect(world.outcome()).toBe('Complete: SuccessPolicy');
    expect(world.job.status).toMatchObject({ succeeded: names.length, failed: 0 });
  });

  it.each([
    ['with one limit', {}],
    ['with a limit for each index', { backoffLimitPerIndex: 3, backoffLimit: 2_147_483_647 }],
  ])('that is a success by its policy counts what had failed before, %s', (_, spec) => {
    const world = indexed({ successPolicy: { rules: [{ succeededCount: 1 }] } as never, ...spec });
    world.settle();
    world.end('sum-1-1', 'Failed');
    world.end('sum-0-0', 'Succeeded');
    world.settle();
    expect(world.running()).toEqual([]);
    world.sweep();
    world.settle();
    expect(world.outcome()).toBe('Complete: SuccessPolicy');
    expect(world.job.status).toMatchObject({ succeeded: 1, failed: 1 });
  });
});

describe('a job in any world', () => {
  it.each([1, 2, 3, 4, 5, 6])('counts every pod once and ends, seed %i', seed => {
    const random = seededRandom(seed);
    const indexed = random.next() < 0.5;
    const completions = 1 + random.below(8);
    const world = new World(
      job({
        completions,
        parallelism: 1 + random.below(4),
        backoffLimit: 1000,
        ...(indexed ? { completionMode: 'Indexed' as const } : {}),
      }),
    );
    for (let i = 0; i < 2_000 && world.outcome() === undefined; i += 1) {
      const names = world.running();
      const victim = names[random.below(Math.max(1, names.length))] ?? '';
      const choice = random.below(6);
      if (choice === 0) world.end(victim, 'Succeeded');
      if (choice === 1) world.end(victim, 'Failed');
      if (choice === 2) world.job = { ...world.job, spec: { ...world.job.spec, suspend: random.next() < 0.2 } };
      if (choice === 3) world.sweep();
      if (choice === 4) world.now += 700_000;
      world.step();
      const { succeeded = 0, failed = 0, uncountedTerminatedPods: left } = world.job.status;
      expect(succeeded + (left?.succeeded?.length ?? 0)).toBeLessThanOrEqual(world.ended.succeeded);
      expect(world.running().length).toBeLessThanOrEqual(world.job.spec.parallelism ?? 0);
      expect(failed + (left?.failed?.length ?? 0)).toBeLessThanOrEqual(world.pods.length + world.ended.failed);
    }
    expect(world.outcome()).toBe('Complete: CompletionsReached');
    expect(world.job.status).toMatchObject({
      succeeded: world.ended.succeeded,
      failed: world.ended.failed,
      active: 0,
      terminating: 0,
    });
    expect(world.ended.succeeded).toBe(completions);
    expect(world.pods.filter(isTracked)).toEqual([]);
  });
});
