import { nextTime } from '../../api/cron/next-time.ts';
import { type CronSchedule, CronSyntaxError, isTimeZone, parseCronSchedule } from '../../api/cron/schedule.ts';
import type { CronJob, CronJobStatus, Job } from '../../api/types/gen/batch-v1.ts';
import type { ObjectReference } from '../../api/types/gen/core-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import { controllerReference } from '../pods/pod-from-template.ts';

export const CRON_JOB = { apiVersion: 'batch/v1', kind: 'CronJob' };
const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** Upstream's: who missed more than that is told. */
const MANY_MISSED = 100;
const DEFAULT_SUCCEEDED = 3;
const DEFAULT_FAILED = 1;

export interface CronWorld {
  readonly cronJob: CronJob;
  /** Those that it has made. */
  readonly jobs: readonly Job[];
  /** In ms. */
  readonly now: number;
  readonly timeOf: (ms: number) => Time;
  /** That of this machine, for cron jobs that name none. */
  readonly localZone: string;
}

export interface CronEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface CronPlan {
  /** Finished jobs beyond the history, and running ones that the next takes the place of. */
  readonly remove: readonly { readonly job: Job; readonly because: string }[];
  readonly create: Job | undefined;
  /** What the status is before a job is made. */
  readonly status: CronJobStatus;
  readonly events: readonly CronEvent[];
  readonly againInMs: number | undefined;
}

/** What is due for a cron job now, and when to look again. Only the last of several times that were missed is made up for. Pure. */
export function planCronJob(world: CronWorld): CronPlan {
  const { cronJob, jobs } = world;
  const { status, events } = tell(world);
  const history = surplus(cronJob, jobs);
  const idle: CronPlan = { remove: history, create: undefined, status, events, againInMs: undefined };
  if (cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec.suspend === true) return idle;
  const zone = zoneOf(world);
  if ('event' in zone) return { ...idle, events: [...events, zone.event] };
  const schedule = scheduleOf(cronJob);
  if ('event' in schedule) return { ...idle, events: [...events, schedule.event] };
  const { due, missed } = dueTime(world, schedule, zone.zone);
  const next = nextTime(schedule, zone.zone, world.now);
  const waiting: CronPlan = { ...idle, againInMs: next === undefined ? undefined : next - world.now };
  if (due === undefined) return waiting;
  const told = missed > MANY_MISSED ? [...events, TOO_MANY] : events;
  const decision = decide(world, due, status);
  if ('event' in decision)
    return { ...waiting, events: [...told, ...(decision.event === undefined ? [] : [decision.event])] };
  return {
    ...waiting,
    events: told,
    remove: [...history, ...decision.replace.map(job => ({ job, because: 'the next takes its place' }))],
    create: jobFor(cronJob, due, world.timeOf(due)),
  };
}

const TOO_MANY: CronEvent = {
  type: 'Warning',
  reason: 'TooManyMissedTimes',
  message: 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
};

/** Which jobs of the status have ended or are gone; those that it does not know are told, not taken in. */
function tell({ cronJob, jobs, timeOf }: CronWorld): {
  readonly status: CronJobStatus;
  readonly events: readonly CronEvent[];
} {
  const events: CronEvent[] = [];
  const active: ObjectReference[] = [];
  const { active: known = [], lastSuccessfulTime: before } = cronJob.status;
  const byUid = new Map(jobs.map(job => [job.metadata.uid, job]));
  let lastMs = before === undefined ? 0 : Date.parse(before);
  for (const reference of known) {
    const job = byUid.get(reference.uid);
    if (job === undefined)
      events.push({ type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${reference.name}` });
    const outcome = job && outcomeOf(job);
    if (outcome !== undefined)
      events.push({
        type: 'Normal',
        reason: 'SawCompletedJob',
        message: `Saw completed job: ${reference.name}, condition: ${outcome}`,
      });
    if (job !== undefined && outcome === undefined) active.push(reference);
  }
  for (const job of jobs) {
    const { name, uid } = job.metadata;
    if (outcomeOf(job) === undefined && !known.some(each => each.uid === uid))
      events.push({
        type: 'Warning',
        reason: 'UnexpectedJob',
        message: `Saw a job that the controller did not create or forgot: ${name}`,
      });
    const ended = outcomeOf(job) === 'Complete' ? job.status.completionTime : undefined;
    if (ended !== undefined) lastMs = Math.max(lastMs, Date.parse(ended));
  }
  const { lastScheduleTime } = cronJob.status;
  return {
    events,
    status: {
      ...(active.length === 0 ? {} : { active }),
      ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
      ...(lastMs === 0 ? {} : { lastSuccessfulTime: timeOf(lastMs) }),
    },
  };
}

export function outcomeOf({ status }: Job): 'Complete' | 'Failed' | undefined {
  return status.conditions?.find(each => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True')
    ?.type as 'Complete' | 'Failed' | undefined;
}

function surplus(cronJob: CronJob, jobs: readonly Job[]): { readonly job: Job; readonly because: string }[] {
  const beyond = (outcome: 'Complete' | 'Failed', limit: number) =>
    jobs
      .filter(job => outcomeOf(job) === outcome)
      .toSorted(lastStartedFirst)
      .slice(limit)
      .map(job => ({ job, because: 'the history is full' }));
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  return [
    ...beyond('Complete', successfulJobsHistoryLimit ?? DEFAULT_SUCCEEDED),
    ...beyond('Failed', failedJobsHistoryLimit ?? DEFAULT_FAILED),
  ];
}

/** Of those of one second the one whose name comes later counts as later, as upstream has it. */
function lastStartedFirst(a: Job, b: Job): number {
  return startOf(b) - startOf(a) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? 1 : -1);
}

function startOf({ status, metadata }: Job): number {
  return Date.parse(status.startTime ?? metadata.creationTimestamp ?? '');
}

function zoneOf({ cronJob, localZone }: CronWorld): { readonly zone: string } | { readonly event: CronEvent } {
  const own = /^(?:CRON_)?TZ=(\S+)\s/.exec(cronJob.spec.schedule)?.[1];
  const zone = cronJob.spec.timeZone ?? own ?? localZone;
  if (isTimeZone(zone)) return { zone: zone === 'Local' ? localZone : zone };
  return {
    event: {
      type: 'Warning',
      reason: 'UnknownTimeZone',
      message: `invalid timeZone: ${JSON.stringify(zone)}: unknown time zone ${zone}`,
    },
  };
}

function scheduleOf({ spec }: CronJob): CronSchedule | { readonly event: CronEvent } {
  try {
    return parseCronSchedule(spec.schedule);
  } catch (error) {
    if (!(error instanceof CronSyntaxError)) throw error;
    return {
      event: {
        type: 'Warning',
        reason: 'UnparseableSchedule',
        message: `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${error.message}`,
      },
    };
  }
}

/** The last time that has come since the one before, and about how many have. */
function dueTime(
  { cronJob, now }: CronWorld,
  schedule: CronSchedule,
  zone: string,
): { readonly due: number | undefined; readonly missed: number } {
  const { startingDeadlineSeconds } = cronJob.spec;
  const last = Date.parse(cronJob.status.lastScheduleTime ?? cronJob.metadata.creationTimestamp ?? '');
  const from = startingDeadlineSeconds === undefined ? last : Math.max(last, now - startingDeadlineSeconds * 1000);
  const first = nextTime(schedule, zone, from);
  if (first === undefined || first > now) return { due: undefined, missed: 0 };
  const second = nextTime(schedule, zone, first);
  if (second === undefined || second > now) return { due: first, missed: 1 };
  const missed = Math.floor((now - first) / (second - first)) + 1;
  // near the end of what was missed, so that decades of minutes are not counted one by one
  let due = first;
  for (
    let at: number | undefined = Math.max(first, first + (missed - 2) * (second - first));
    at !== undefined && at <= now;
    at = nextTime(schedule, zone, at)
  )
    if (isTime(schedule, zone, at)) due = at;
  return { due, missed };
}

function isTime(schedule: CronSchedule, zone: string, at: number): boolean {
  return schedule.kind === 'every' || nextTime(schedule, zone, at - 1) === at;
}

function decide(
  { cronJob, jobs, now }: CronWorld,
  due: number,
  status: CronJobStatus,
): { readonly replace: readonly Job[] } | { readonly event: CronEvent | undefined } {
  const { startingDeadlineSeconds, concurrencyPolicy } = cronJob.spec;
  if (startingDeadlineSeconds !== undefined && due + startingDeadlineSeconds * 1000 < now)
    return {
      event: {
        type: 'Warning',
        reason: 'MissSchedule',
        message: `Missed scheduled time to start a job: ${new Date(due).toUTCString()}`,
      },
    };
  const name = nameFor(cronJob, due);
  // one that was made and never told is found when it is made again: its name is taken
  const isMade =
    (status.active ?? []).some(each => each.name === name) || Date.parse(cronJob.status.lastScheduleTime ?? '') === due;
  if (isMade) return { event: undefined };
  const active = status.active ?? [];
  if (concurrencyPolicy === 'Forbid' && active.length > 0)
    return {
      event: {
        type: 'Normal',
        reason: 'JobAlreadyActive',
        message: 'Not starting job because prior execution is running and concurrency policy is Forbid',
      },
    };
  const uids = new Set(active.map(({ uid }) => uid));
  return { replace: concurrencyPolicy === 'Replace' ? jobs.filter(job => uids.has(job.metadata.uid)) : [] };
}

/** Minutes since the epoch: the same time always gives the same name, so that no time is run twice. */
function nameFor({ metadata }: CronJob, due: number): string {
  return `${metadata.name}-${Math.floor(due / 60_000)}`;
}

function jobFor(cronJob: CronJob, due: number, scheduled: Time): Job {
  const { metadata = {}, spec } = cronJob.spec.jobTemplate;
  const { namespace } = cronJob.metadata;
  return {
    metadata: {
      name: nameFor(cronJob, due),
      namespace,
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata.annotations, [SCHEDULED]: scheduled },
      ownerReferences: [controllerReference(cronJob, CRON_JOB.apiVersion, CRON_JOB.kind)],
    },
    spec,
  } as unknown as Job;
}
