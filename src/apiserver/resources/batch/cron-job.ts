import { CronSyntaxError, hasTimeZone, isTimeZone, parseCronSchedule } from '../../../api/cron/schedule.ts';
import type { CronJob } from '../../../api/types/gen/batch-v1.ts';
import { addErrors, type FieldError, invalid, oneOf, required } from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { podNameWarnings } from '../apps/workload.ts';
import { AGE, column, columns, containerCells, NAME, POD_COLUMNS, selectorCell, since } from '../cells.ts';
import { withoutDisabledTemplateFields } from '../core/pod/disabled-fields.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { jobSpecWarnings, validateJobTemplate } from './job-spec.ts';

const JOB_AT = 'spec.jobTemplate.spec';

export const cronJobStrategy = defineStrategy<CronJob>(
  { group: 'batch', version: 'v1', plural: 'cronjobs' },
  {
    generation: ['spec'],
    prepareForCreate: job => withoutDisabledFields(job),
    prepareForUpdate: withoutDisabledFields,
    validate: job => [
      ...validateSpec(job, undefined),
      // Eleven characters of a time are put behind it, and job names have 63.
      ...(Buffer.byteLength(job.metadata.name ?? '') > 52
        ? [invalid('metadata.name', job.metadata.name, 'must be no more than 52 characters')]
        : []),
    ],
    validateUpdate: (job, old) => validateSpec(job, old),
    warnings: job => [...podNameWarnings(job.metadata.name), ...jobSpecWarnings(job.spec.jobTemplate.spec, JOB_AT)],
    warningsOnUpdate: (job, old) => [
      ...(job.metadata.generation === old.metadata.generation
        ? []
        : jobSpecWarnings(job.spec.jobTemplate.spec, JOB_AT)),
      ...(hasTimeZone(job.spec.schedule)
        ? [
            'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
          ]
        : []),
    ],
    columns: {
      definitions: [
        NAME,
        ...columns({
          Schedule: 'When jobs are started, as five fields of cron.',
          Timezone: 'The time zone that the schedule is read in.',
        }),
        column('Suspend', { type: 'boolean', description: 'Whether no further jobs are started for now.' }),
        column('Active', { type: 'integer', description: 'How many jobs are running.' }),
        column('Last Schedule', { description: 'How long ago a job was last started.' }),
        AGE,
        ...POD_COLUMNS,
      ],
      cells: (job, now) => {
        const { spec, status } = job;
        return [
          job.metadata.name ?? '',
          spec.schedule,
          spec.timeZone ?? '<none>',
          spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
          (status.active ?? []).length,
          status.lastScheduleTime === undefined ? '<none>' : since(status.lastScheduleTime, now),
          ageCell(job, now),
          ...containerCells(spec.jobTemplate.spec.template.spec.containers),
          selectorCell(spec.jobTemplate.spec.selector),
        ];
      },
    },
  },
);

function withoutDisabledFields(job: CronJob, old?: CronJob): CronJob {
  const { jobTemplate } = job.spec;
  const template = withoutDisabledTemplateFields(jobTemplate.spec.template, old?.spec.jobTemplate.spec.template);
  return {
    ...job,
    spec: { ...job.spec, jobTemplate: { ...jobTemplate, spec: { ...jobTemplate.spec, template } } },
  };
}

function validateSpec({ spec }: CronJob, old: CronJob | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.schedule === '') errors.push(required('spec.schedule'));
  else errors.push(...scheduleErrors(spec.schedule, spec.timeZone, old?.spec.schedule));
  addErrors(
    errors,
    nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    spec.timeZone === old?.spec.timeZone && old !== undefined ? [] : zoneErrors(spec.timeZone),
    oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    validateJobTemplate(spec.jobTemplate, 'spec.jobTemplate', old?.spec.jobTemplate),
    nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  );
  return errors;
}

function scheduleErrors(schedule: string, zone: string | undefined, old: string | undefined): FieldError[] {
  const at = 'spec.schedule';
  const errors: FieldError[] = [];
  try {
    parseCronSchedule(schedule);
  } catch (error) {
    if (!(error instanceof CronSyntaxError)) throw error;
    errors.push(invalid(at, schedule, error.message));
  }
  if (!hasTimeZone(schedule)) return errors;
  // A zone in the schedule is let in only where one was before.
  if (old === undefined || !hasTimeZone(old))
    errors.push(invalid(at, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  else if (zone !== undefined)
    errors.push(invalid(at, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'));
  return errors;
}

function zoneErrors(zone: string | undefined): FieldError[] {
  const at = 'spec.timeZone';
  if (zone === undefined) return [];
  if (zone === '') return [invalid(at, zone, 'timeZone must be nil or non-empty string')];
  const unknown = invalid(at, zone, `unknown time zone ${zone}`);
  const wellFormed = zone
    .split('/')
    .every(part => /^[A-Za-z._0-9+][A-Za-z.\-_0-9+]{0,13}$/.test(part) && part !== '.' && part !== '..');
  if (!wellFormed) return [unknown];
  const errors: FieldError[] = [];
  if (zone.toLowerCase() === 'local')
    errors.push(
      invalid(at, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    );
  return isTimeZone(zone) ? errors : [...errors, unknown];
}
