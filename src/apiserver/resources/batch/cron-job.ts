import type { CronJob } from '../../../api/types/gen/batch-v1.ts';
import { type FieldError, invalid, oneOf, required } from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { AGE, column, containerCells, NAME, selectorCell, since } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { CronSyntaxError, hasTimeZone, parseCronSchedule } from './cron-schedule.ts';
import { validateJobTemplate } from './job.ts';

export const cronJobStrategy = defineStrategy<CronJob>(
  { group: 'batch', version: 'v1', plural: 'cronjobs' },
  {
    generation: ['spec'],
    validate: job => [
      // Eleven characters of a time are put behind it, and job names have 63.
      ...((job.metadata.name ?? '').length > 52
        ? [invalid('metadata.name', job.metadata.name, 'must be no more than 52 characters')]
        : []),
      ...validateSpec(job, undefined),
    ],
    validateUpdate: (job, old) => validateSpec(job, old),
    columns: {
      definitions: [
        NAME,
        column('Schedule'),
        column('Timezone'),
        column('Suspend', { type: 'boolean' }),
        column('Active', { type: 'integer' }),
        column('Last Schedule'),
        AGE,
        ...['Containers', 'Images', 'Selector'].map(name => column(name, { wide: true })),
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

function validateSpec({ spec }: CronJob, old: CronJob | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.schedule === '') errors.push(required('spec.schedule'));
  else errors.push(...scheduleErrors(spec.schedule, spec.timeZone, old?.spec.schedule));
  errors.push(
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...(spec.timeZone === old?.spec.timeZone && old !== undefined ? [] : zoneErrors(spec.timeZone)),
    ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...validateJobTemplate(spec.jobTemplate, 'spec.jobTemplate'),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
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
  if (zone !== undefined)
    errors.push(invalid(at, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'));
  else if (old !== schedule)
    errors.push(invalid(at, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  return errors;
}

function zoneErrors(zone: string | undefined): FieldError[] {
  const at = 'spec.timeZone';
  if (zone === undefined) return [];
  if (zone === '') return [invalid(at, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local')
    return [invalid(at, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')];
  if (zone.startsWith('/') || /^[+-]/.test(zone) || zone.includes('..'))
    return [invalid(at, zone, `unknown time zone ${zone}`)];
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return [];
  } catch {
    return [invalid(at, zone, `unknown time zone ${zone}`)];
  }
}
