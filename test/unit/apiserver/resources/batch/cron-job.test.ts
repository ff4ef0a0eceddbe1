import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const template = { metadata: {}, spec: { containers: [{ name: 'app', image: 'nginx' }], restartPolicy: 'Never' } };
const cronJobs = new Judge('batch', 'cronjobs', {
  spec: { schedule: '* * * * *', jobTemplate: { spec: { template } } },
});
const at = (schedule: string): Changes => ({ 'spec.schedule': schedule });
const schedule = (text: string, reason: string): readonly [string, Changes, readonly string[]] => [
  `no schedule ${JSON.stringify(text)}`,
  at(text),
  [`spec.schedule: Invalid value: ${JSON.stringify(text)}: ${reason}`],
];
const NO_ZONE = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';

describe('what may be created', () => {
  const cases: readonly (readonly [sentence: string, changes: Changes, errors: readonly string[]])[] = [
    ...['* * * * *', '@daily', '@every 1h30m', '@every -1h', '0 0 29 2 *', '1,2,3 */5 * jan-feb sun', '? ? ? ? ?'].map(
      text => [`the schedule ${text}`, at(text), []] as const,
    ),
    ['no cron job without schedule', at(''), ['spec.schedule: Required value']],
    schedule('@bogus', 'unrecognized descriptor: @bogus'),
    schedule('@every x', 'failed to parse duration @every x: time: invalid duration "x"'),
    schedule('* * * *', 'expected exactly 5 fields, found 4: [* * * *]'),
    schedule('60 * * * *', 'end of range (60) above maximum (59): 60'),
    schedule('10-5 * * * *', 'beginning of range (10) beyond end of range (5): 10-5'),
    schedule('*/0 * * * *', 'step of range should be a positive number: */0'),
    schedule('5 4 * * 7', 'end of range (7) above maximum (6): 7'),
    schedule('TZ=UTC * * * * *', NO_ZONE),
    [
      'no schedule with an unknown zone in it',
      at('CRON_TZ=Nope/Zone * * * * *'),
      [
        'spec.schedule: Invalid value: "CRON_TZ=Nope/Zone * * * * *": provided bad location Nope/Zone: unknown time zone Nope/Zone',
        `spec.schedule: Invalid value: "CRON_TZ=Nope/Zone * * * * *": ${NO_ZONE}`,
      ],
    ],
    [
      'no zone alone',
      at('TZ=UTC'),
      [
        'spec.schedule: Invalid value: "TZ=UTC": invalid schedule format: runtime error: slice bounds out of range [:-1]',
        `spec.schedule: Invalid value: "TZ=UTC": ${NO_ZONE}`,
      ],
    ],
    ...['UTC', 'Europe/Berlin', 'EST5EDT', 'Etc/GMT+1', 'US/Pacific'].map(
      zone => [`the time zone ${zone}`, { 'spec.timeZone': zone }, []] as const,
    ),
    ...['Nope', 'europe/berlin', 'us/Pacific', '../x', '/etc/x', ' UTC', 'Europe/-Berlin', `A/${'x'.repeat(15)}`].map(
      zone =>
        [
          `no time zone ${zone}`,
          { 'spec.timeZone': zone },
          [`spec.timeZone: Invalid value: "${zone}": unknown time zone ${zone}`],
        ] as const,
    ),
    [
      'no time zone that is each machine`s own',
      { 'spec.timeZone': 'Local' },
      [
        'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ],
    ],
    [
      'no name that leaves no room for a job`s',
      { 'metadata.name': 'x'.repeat(53) },
      [`metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`],
    ],
    [
      'no job with a selector of its own',
      { 'spec.jobTemplate.spec.selector': {}, 'spec.jobTemplate.spec.manualSelector': true },
      [
        'spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated',
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
      ],
    ],
    [
      'nothing else that is out of range',
      {
        'spec.startingDeadlineSeconds': -1,
        'spec.concurrencyPolicy': 'Any',
        'spec.successfulJobsHistoryLimit': -1,
        'spec.failedJobsHistoryLimit': -1,
      },
      [
        'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.concurrencyPolicy: Unsupported value: "Any": supported values: "Allow", "Forbid", "Replace"',
        'spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
        'spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(cronJobs.created(changes)).toEqual(errors);
  });
});

describe('what may be changed', () => {
  const zoned = at('TZ=UTC * * * * *');

  it('lets a zone stay in a schedule that had one, with a warning, unless there are two', () => {
    expect(cronJobs.changed(at('TZ=UTC 5 * * * *'), zoned)).toEqual([]);
    expect(cronJobs.changed({ 'spec.timeZone': 'UTC' }, zoned)).toEqual([
      'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
    ]);
    expect(cronJobs.changed(zoned)).toEqual([`spec.schedule: Invalid value: "TZ=UTC * * * * *": ${NO_ZONE}`]);
    expect(cronJobs.strategy.warningsOnUpdate(cronJobs.object(zoned), cronJobs.object(zoned))).toEqual([
      'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
    ]);
  });

  it('does not look at a time zone that stays as it is, nor at the length of a name', () => {
    const stored = { 'spec.timeZone': 'Gone/Zone', 'metadata.name': 'x'.repeat(60) };
    expect(cronJobs.changed({ 'spec.suspend': true }, stored)).toEqual([]);
  });
});
